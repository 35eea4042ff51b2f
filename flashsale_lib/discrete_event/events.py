"""One replication of the twin: the events of a drop, buyer by buyer, in SimPy."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Generator
from types import SimpleNamespace
from typing import Any

import numpy as np
import simpy

from ..model.demand import Demand
from ..model.outcome import PLACES
from ..parameters import FloatArray

Process = Generator[simpy.Event, Any, Any]


class Intent:
    """One buyer's wish to buy: when it joined, how often it was tried, whether its buyer is still there."""

    __slots__ = ("attempts", "began", "late_success", "let_in", "present", "turn")

    def __init__(self, now: float) -> None:
        self.let_in = now
        self.attempts = 0
        self.began = 0.0
        self.present = True
        self.turn: simpy.Event | None = None
        self.late_success: float | None = None  # when the call began that succeeds after we gave up on it


class Events:
    """One replication. Methods that yield are processes of a single buyer or of the gateway."""

    def __init__(self, p: SimpleNamespace, demand: Demand, brownouts: list[FloatArray], seed: int) -> None:
        self.p, self.demand, self.brownouts = p, demand, brownouts
        self.random = np.random.default_rng(seed)
        self.env = simpy.Environment()
        self.count = dict.fromkeys((*PLACES, "arrived", "requests", "admissions", "calls", "retries"), 0)
        self.count |= dict.fromkeys(("refused_calls", "timed_out_calls", "double_charges", "orphan_charges"), 0)
        self.max_queue = self.max_in_flight = 0
        self.waits: list[float] = []
        self.latencies: list[float] = []
        self.requests: list[tuple[float, bool]] = []
        self.samples: list[tuple[float, ...]] = []
        # The front door and the queue.
        self.tokens, self.tokens_at = p.admit_burst, 0.0
        self.line: deque[Intent] = deque()
        self.waiting = 0  # intents in the line that have not been withdrawn
        self.inside = 0  # let in and not yet at an end
        # The workers.
        self.busy = 0
        self.next_dispatch = 0.0
        self.alarm: float | None = None
        self.called_at = p.scale_at
        self.own_limit = p.aimd_start if p.aimd_target < math.inf else math.inf
        self.adapted_at = self.cut_at = 0.0
        self.call_time = p.service_time
        self.breaker, self.breaker_until = "closed", math.inf
        self.recent = [0.0, 0.0, 0.0]  # failed, ended, as of when
        self.failing = 0.0
        self.retry_tokens = 100.0
        # The gateway: work done so far per call in flight, and the calls by the work at which each is done.
        self.work, self.work_at = 0.0, 0.0
        self.in_flight: list[tuple[float, int, simpy.Event]] = []
        self.ids = itertools.count()
        self.version = 0
        self.worst_response_time = 0.0

    def run(self) -> None:
        """Play the drop from the opening of the window to its end."""
        arrivals = self._arrival_times()
        self.env.process(self._arrive(arrivals))
        self.env.process(self._sample())
        self.env.process(self._weather())
        self.env.run(until=self.demand.window)
        self.waits += [self.demand.window - i.let_in for i in self.line if i.attempts == 0 and i.present]

    def _arrival_times(self) -> FloatArray:
        """A Poisson process with the demand's rate: draw how many, then place them by the inverse of the count."""
        number = self.random.poisson(self.demand.total)
        grid = np.linspace(0.0, self.demand.window, 100_001)
        counts = self.demand.cumulative(self.demand.time[0] + grid)
        times: FloatArray = np.interp(np.sort(self.random.random(number)) * self.demand.total, counts, grid)
        return times

    def _arrive(self, times: FloatArray) -> Process:
        for time in times:
            yield self.env.timeout(max(0.0, time - self.env.now))
            self.count["arrived"] += 1
            self.env.process(self._buyer())

    def _sample(self) -> Process:
        for second in itertools.count():
            self.samples.append((second, self.waiting, len(self.in_flight), self.busy, self._called(0.0)))
            yield self.env.timeout(1.0)

    def _exponential(self, mean: float) -> float:
        return float(self.random.exponential(mean)) if mean > 0 else 0.0

    # ---- one buyer --------------------------------------------------------------------------------------------

    def _buyer(self) -> Process:
        while not self._let_in():
            if self.random.random() >= self.p.reload_probability:
                self.count["turned_away"] += 1
                return
            self.count["reloading"] += 1
            yield self.env.timeout(self._exponential(self.p.reload_delay))
            self.count["reloading"] -= 1
        intent = Intent(self.env.now)
        self.inside += 1
        place = yield self.env.process(self._checkout(intent))
        self.inside -= 1
        self.count[place] += 1
        self._dispatch()

    def _checkout(self, intent: Intent) -> Process:
        """From the queue to an end: the place where this intent ends up."""
        while True:
            self.count["queued"] += 1
            came = yield from self._queue(intent)
            self.count["queued"] -= 1
            if not came:
                return "gave_up"
            if intent.attempts == 0:
                self.waits += [self.env.now - intent.let_in] * intent.present
            self.count["at_gateway"] += 1
            answer = yield from self._call(intent)
            self.count["at_gateway"] -= 1
            if intent.attempts == 1:
                self.latencies += [self.env.now - intent.let_in] * intent.present
            if answer == "ok":
                return "paid" if intent.present else "paid_late"
            if answer == "declined":
                return "declined"
            if intent.attempts >= self.p.attempts or not self._may_retry():
                self.count["orphan_charges"] += intent.late_success == intent.began
                return "dead_lettered"
            self.count["retries"] += 1
            self.count["recovering"] += 1
            yield self.env.timeout(self._exponential(self.p.backoff * 2 ** (intent.attempts - 1)))
            self.count["recovering"] -= 1

    def _queue(self, intent: Intent) -> Process:
        """Wait for a worker; False when the buyer lost patience and the intent was withdrawn."""
        intent.turn = self.env.event()
        self.line.append(intent)
        self.waiting += 1
        self._dispatch()
        self.max_queue = max(self.max_queue, self.waiting)
        if self.waiting > self.p.scale_queue and self.called_at > self.env.now:
            self.called_at = self.env.now
        if not intent.turn.triggered and intent.present and self.p.patience < math.inf:
            yield intent.turn | self.env.timeout(self._exponential(self.p.patience))
            if not intent.turn.triggered:
                intent.present = False
                if self.p.skip_stale:
                    self.waiting -= 1
                    return False
        yield intent.turn
        return True

    def _let_in(self) -> bool:
        self.count["requests"] += 1
        yes = self._room() and self._token()
        self.requests.append((self.env.now, yes))
        self.count["admissions"] += yes
        return yes

    def _token(self) -> bool:
        p, now = self.p, self.env.now
        if p.admit_rate == math.inf:
            return True
        # A bucket that holds less than one token could never give one: it holds at least one here.
        self.tokens = min(max(p.admit_burst, 1.0), self.tokens + p.admit_rate * (now - self.tokens_at))
        self.tokens_at = now
        if p.bot_share > 0:  # bots that came since the last buyer take theirs first
            bots = int(self.random.geometric(1.0 - p.bot_share)) - 1
            self.tokens -= min(bots, math.floor(self.tokens))
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True

    def _room(self) -> bool:
        p = self.p
        sold = self.count["paid"] + self.count["paid_late"]
        if self.inside >= (p.stock - sold) * (1.0 + p.overbooking):
            return False
        limit = p.queue_limit
        if p.max_wait < math.inf:
            rate = min(p.dispatch_rate, min(self._workers(), p.call_limit) / self.call_time)
            limit = min(limit, p.max_wait * rate)
        return self.waiting < limit or self._free()

    def accept_latencies(self) -> FloatArray:
        """The door's own queue, request by request, on its servers in order of arrival."""
        free = [0.0] * int(self.p.door_servers)
        means = [self.p.door_time * (1.0 if yes else self.p.refusal_cost) for _, yes in self.requests]
        draws = self.random.exponential(1.0, len(means))
        latencies = np.empty(len(means))
        for i, (arrived, _) in enumerate(self.requests):
            done = max(arrived, free[0]) + means[i] * draws[i]
            heapq.heapreplace(free, done)
            latencies[i] = done - arrived
        return latencies

    # ---- workers ------------------------------------------------------------------------------------------------

    def _called(self, delay: float) -> float:
        p, up = self.p, self.env.now - self.called_at - delay
        return float(min(p.workers, p.warm_workers + (p.scale_rate * up if up > 0 else 0.0)))

    def _workers(self) -> float:
        return float(min(self._called(self.p.scale_delay), self.own_limit))

    def _free(self) -> bool:
        if self.waiting or self.busy + 1 > self._workers() + 1e-9:
            return False
        return self.breaker != "open" and self.env.now >= self.next_dispatch

    def _dispatch(self) -> None:
        """Hand intents to free workers, first in, first out."""
        while self.line:
            if self.line[0].turn is None or (self.p.skip_stale and not self.line[0].present):
                self.line.popleft()  # withdrawn
                continue
            if self.busy + 1 > self._workers() + 1e-9:
                if self._workers() < self.p.workers:
                    self._wake_at(self.env.now + 0.1)  # more may come up, or be allowed, in a moment
                return
            ready = self._ready_at()
            if ready > self.env.now:
                if ready < math.inf:
                    self._wake_at(ready)
                return
            intent = self.line.popleft()
            self.waiting -= 1
            self.busy += 1
            assert intent.turn is not None
            intent.turn.succeed()

    def _ready_at(self) -> float:
        """When the next call may start, by the rate limit and the circuit breaker; now, if it may: then it counts."""
        now, rate = self.env.now, self.p.dispatch_rate
        self._turn_breaker()
        if self.breaker == "open":
            return self.breaker_until
        if self.breaker == "trying":
            rate = min(rate, self.p.breaker_probe)
        if rate == math.inf:
            return now
        if rate == 0:
            return math.inf
        if now < self.next_dispatch:
            return self.next_dispatch
        # Late by less than a gap: keep the beat, so that the mean rate is the limit.
        self.next_dispatch = max(self.next_dispatch, now - 1.0 / rate) + 1.0 / rate
        return now

    def _wake_at(self, time: float) -> None:
        if self.alarm is None or time < self.alarm - 1e-12:
            self.alarm = time
            self.env.timeout(max(0.0, time - self.env.now)).callbacks.append(self._woken)

    def _woken(self, _: simpy.Event) -> None:
        if self.alarm is not None and self.env.now >= self.alarm - 1e-9:
            self.alarm = None
            self._dispatch()

    # ---- one call -----------------------------------------------------------------------------------------------

    def _call(self, intent: Intent) -> Process:
        p, began = self.p, self.env.now
        intent.attempts += 1
        intent.began = began
        self.count["calls"] += 1
        if intent.late_success is not None and began - intent.late_success > p.idempotency_lifetime:
            self.count["double_charges"] += 1
            intent.late_success = None
        luck = self.random.random(2)
        answer = "error" if luck[0] < p.error_rate else "declined" if luck[1] < p.decline_rate else "ok"
        if len(self.in_flight) >= p.call_limit:
            self.count["refused_calls"] += 1
            answer = "error"
            yield self.env.timeout(self._exponential(p.error_time))
        else:
            done = self._start_call()
            yield done | self.env.timeout(p.timeout) if p.timeout < math.inf else done
            if not done.triggered:
                self.count["timed_out_calls"] += 1
                if answer == "ok":
                    intent.late_success = began
                answer = "error"
        self.busy -= 1
        self._learn(self.env.now - began, answer == "error")
        self._dispatch()
        return answer

    def _start_call(self) -> simpy.Event:
        self._advance()
        done = self.env.event()
        heapq.heappush(self.in_flight, (self.work + self.random.exponential(), next(self.ids), done))
        self.max_in_flight = max(self.max_in_flight, len(self.in_flight))
        self._reschedule()
        return done

    def _speed(self) -> float:
        """Work per second and call: the inverse of the response time at the calls now in flight."""
        p, n = self.p, len(self.in_flight)
        health = math.prod(h for start, end, h in zip(*self.brownouts, strict=True) if start <= self.env.now < end)
        others = max(n - 1, 0)
        slow = 1.0 + p.contention * others + p.coherency * n * others
        response: float = p.service_time * slow / max(health, 1e-9)
        self.worst_response_time = max(self.worst_response_time, response)
        return 1.0 / response

    def _advance(self) -> None:
        """Bring the work done per call up to now. Called before anything changes the speed."""
        self.work += getattr(self, "speed", 0.0) * (self.env.now - self.work_at)
        self.work_at = self.env.now

    def _reschedule(self) -> None:
        """Find out when the next call is done at the present speed; earlier plans are void."""
        self.speed = self._speed()
        self.version += 1
        if self.in_flight:
            wait = max(0.0, (self.in_flight[0][0] - self.work) / self.speed)
            event = self.env.timeout(wait, value=self.version)
            event.callbacks.append(self._finish)

    def _finish(self, event: simpy.Event) -> None:
        if event.value != self.version:
            return
        self._advance()
        _, _, done = heapq.heappop(self.in_flight)
        self._reschedule()
        done.succeed()

    def _weather(self) -> Process:
        """Brownouts change the speed of calls that are under way."""
        for time in sorted({float(t) for t in (*self.brownouts[0], *self.brownouts[1])}):
            if self.env.now < time < self.demand.window:
                yield self.env.timeout(time - self.env.now)
                self._advance()
                self._reschedule()

    def _learn(self, took: float, failed: bool) -> None:
        p, now = self.p, self.env.now
        fade = math.exp(-(now - self.recent[2]) / p.breaker_window)
        self.recent = [self.recent[0] * fade + failed, self.recent[1] * fade + 1.0, now]
        weight = 1.0 / max(1, self.busy + 1)
        self.call_time += (took - self.call_time) * weight
        self.failing += (failed - self.failing) * weight
        if not failed:
            self.retry_tokens = min(100.0, self.retry_tokens + p.retry_budget)
        if p.aimd_target < math.inf:
            self._adapt()

    def _adapt(self) -> None:
        p, now = self.p, self.env.now
        if self.call_time > p.aimd_target or self.failing > 0.1:
            if now - self.cut_at >= self.call_time:
                self.own_limit = max(1.0, self.own_limit * p.aimd_cut)
                self.cut_at = now
        elif self.busy + 1 > 0.5 * self.own_limit:  # the call that ends now was in use, too
            self.own_limit = min(p.workers, self.own_limit + p.aimd_increase * (now - self.adapted_at))
        self.adapted_at = now

    def _turn_breaker(self) -> None:
        p, now = self.p, self.env.now
        if p.breaker_threshold == math.inf:
            return
        fade = math.exp(-(now - self.recent[2]) / p.breaker_window)
        failed, ended = self.recent[0] * fade, self.recent[1] * fade
        if self.breaker == "closed":
            if ended >= 20 and failed > p.breaker_threshold * ended:
                self.breaker, self.breaker_until = "open", now + p.breaker_pause
        elif now >= self.breaker_until:
            if self.breaker == "open":
                self.breaker, self.breaker_until = "trying", now + p.breaker_window
                self.recent = [0.0, 0.0, now]
            elif ended > 0:
                bad = failed > p.breaker_threshold * ended
                self.breaker, self.breaker_until = ("open", now + p.breaker_pause) if bad else ("closed", math.inf)

    def _may_retry(self) -> bool:
        if self.p.retry_budget == math.inf:
            return True
        if self.retry_tokens < 1.0:
            return False
        self.retry_tokens -= 1.0
        return True
