"""The drop buyer by buyer: an event simulation in plain Python that shares no code with the engine.

Every buyer is an individual with a patience of their own, every call an exponential amount of work that the gateway
gets through at 1/R(N) per second, and a timeout is a fixed time: abandoned calls are still worked on.
With memoryless=True calls time out at the hazard of the design instead, whatever their age.
"""

import heapq
import random
from collections import Counter, deque
from math import expm1, inf

import numpy as np


def surge(count, seed, base=5.0, peak=700.0, start=60.0, ramp=3.0, decay=40.0, window=900.0):
    """Arrival times of `count` buyers: a Poisson process of the default drop, given that just so many come."""
    t = np.linspace(0.0, window, 90_001)
    climb, fall = np.clip(t - start, 0, ramp), np.clip(t - start - ramp, 0, None)
    arrived = base * t + peak * climb**2 / (2 * ramp) + peak * decay * -np.expm1(-fall / decay)
    return np.interp(np.sort(np.random.default_rng(seed).random(count)) * arrived[-1], arrived, t)


def steady(count, seed, window):
    return np.sort(np.random.default_rng(seed).random(count)) * window


class Shop:
    def __init__(self, arrivals, seed, *, window=900.0, workers=inf, queue_limit=inf, admit_rate=inf, admit_burst=100.0,
                 skip_stale=True, timeout=10.0, attempts=3, backoff=4.0, patience=300.0, reload=0.6, reload_delay=20.0,
                 s0=0.8, sigma=0.002, kappa=3.9e-5, call_limit=1200, error_time=0.2, errors=0.002, declines=0.08,
                 brownout=(inf, inf, 1.0), memoryless=False):  # fmt: skip
        self.__dict__.update({k: v for k, v in locals().items() if k not in ("self", "arrivals")})
        self.random = random.Random(seed)
        self.now, self.serial, self.events = 0.0, 0, [(float(t), i, self.arrive, ()) for i, t in enumerate(arrivals)]
        self.serial = len(self.events)
        for edge in brownout[:2]:
            self.at(edge, lambda: None)  # so that the speed is looked up again
        self.ends, self.waits, self.max_queue = Counter(), [], 0
        self.queue, self.queued, self.busy, self.tokens, self.refilled = deque(), 0, 0, admit_burst, 0.0
        self.work_done, self.calls, self.in_flight = 0.0, [], 0  # calls: (work at which it ends, number, call)
        self.waited_for = []  # in memoryless mode, the calls that have not timed out

    def at(self, time, what, *who):
        self.serial += 1
        heapq.heappush(self.events, (time, self.serial, what, who))

    def pause(self, mean):
        return self.random.expovariate(1.0) * mean

    def speed(self):
        start, end, health = self.brownout
        n = self.in_flight
        others = max(n - 1, 0)
        slow = self.s0 * (1 + self.sigma * others + self.kappa * n * others)
        return (health if start <= self.now < end else 1.0) / slow

    def play(self):
        while True:
            speed = self.speed()
            ready = self.now + (self.calls[0][0] - self.work_done) / speed if self.calls else inf
            due = self.events[0][0] if self.events else inf
            cut = self.now + self.next_timeout(speed) if self.memoryless else inf
            if min(ready, due, cut) > self.window:
                break
            if cut < min(ready, due):
                self.work_done += speed * (cut - self.now)
                self.now = cut
                self.give_up_on(self.random.choice(self.waited_for))
            elif ready <= due:
                self.now = ready
                self.work_done, _, call = heapq.heappop(self.calls)
                self.in_flight -= 1
                if not call["abandoned"]:
                    self.answer(call)
            else:
                self.work_done += speed * (due - self.now)
                self.now, _, what, who = heapq.heappop(self.events)
                what(*who)
            self.dispatch()
        return self

    def next_timeout(self, speed):
        mean_age = speed * self.timeout
        hazard = len(self.waited_for) * (speed / expm1(mean_age) if mean_age < 700 else 0.0)
        return self.random.expovariate(hazard) if hazard > 0 else inf

    def arrive(self):
        is_open = self.queued < self.queue_limit or (self.busy < self.workers and not self.queue)
        if is_open and self.admit_rate < inf:
            self.tokens = min(self.admit_burst, self.tokens + (self.now - self.refilled) * self.admit_rate)
            self.refilled, is_open = self.now, self.tokens >= 1
            self.tokens -= is_open
        if is_open:
            self.join(attempt=1, present=True)
        elif self.random.random() < self.reload:
            self.at(self.now + self.pause(self.reload_delay), self.arrive)
        else:
            self.ends["turned_away"] += 1

    def join(self, attempt, present):
        intent = {"attempt": attempt, "present": present, "joined": self.now, "waiting": True}
        self.queue.append(intent)
        self.queued += 1
        self.max_queue = max(self.max_queue, self.queued)
        if present:
            self.at(self.now + self.pause(self.patience), self.leave, intent)

    def leave(self, intent):
        if intent["waiting"]:
            intent["present"] = False
            if self.skip_stale:
                intent["waiting"] = False
                self.queued -= 1
                self.ends["gave_up"] += 1

    def dispatch(self):
        while self.busy < self.workers and self.queue:
            call = self.queue.popleft()
            if not call["waiting"]:
                continue
            call["waiting"], call["abandoned"] = False, False
            self.queued -= 1
            self.busy += 1
            if call["attempt"] == 1 and call["present"]:
                self.waits.append(self.now - call["joined"])
            if self.in_flight >= self.call_limit:
                self.at(self.now + self.pause(self.error_time), self.fail, call)
                continue
            self.in_flight += 1
            self.serial += 1
            heapq.heappush(self.calls, (self.work_done + self.random.expovariate(1.0), self.serial, call))
            call["answered"] = False
            if self.memoryless:
                call["place"] = len(self.waited_for)
                self.waited_for.append(call)
            else:
                self.at(self.now + self.timeout, self.give_up_on, call)

    def give_up_on(self, call):
        if not call["answered"]:
            call["abandoned"] = True
            self.forget(call)
            self.fail(call)

    def forget(self, call):
        if self.memoryless:
            last = self.waited_for.pop()
            if last is not call:
                self.waited_for[call["place"]], last["place"] = last, call["place"]

    def answer(self, call):
        call["answered"] = True
        self.forget(call)
        if self.random.random() < self.errors:
            self.fail(call)
            return
        self.busy -= 1
        declined = self.random.random() < self.declines
        self.ends["declined" if declined else "paid" if call["present"] else "paid_late"] += 1

    def fail(self, call):
        self.busy -= 1
        if call["attempt"] < self.attempts:
            rest = self.pause(self.backoff * 2 ** (call["attempt"] - 1))
            self.at(self.now + rest, self.join, call["attempt"] + 1, call["present"])
        else:
            self.ends["dead_lettered"] += 1
