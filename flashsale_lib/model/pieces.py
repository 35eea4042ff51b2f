"""The small laws that the step is made of: plain scalar Python, compiled like the step itself."""

import math

LOAD_BINS = 200
HIGHEST_LOAD = 0.99
"""Loads of the front door are counted in LOAD_BINS bins, evenly in -log(1 - load), up to HIGHEST_LOAD."""
LEAST_HEALTH = 1e-9
"""A dead gateway still has this share of its speed, so that a response time stays a finite number."""


def zeros(count):
    """Room for `count` numbers. `engine` puts an array in place of this list when it compiles: each is faster there."""
    return [0.0] * count


def relax(rate, dt):
    """One step of x' = inflow - rate*x: the share of x(0) that stays, and what settles per unit of steady inflow.

    They are exp(-rate*dt) and (1 - exp(-rate*dt))/rate, so that x(dt) = stays*x(0) + settles*inflow.
    """
    x = rate * dt
    if x < 1e-8:
        return 1.0 - x, dt * (1.0 - 0.5 * x)
    gone = -math.expm1(-x)
    return 1.0 - gone, gone / rate


def response_time(calls, service_time, contention, coherency):
    """Universal Scalability Law: seconds one call takes among `calls` in flight at a healthy gateway."""
    others = max(calls - 1.0, 0.0)
    return service_time * (1.0 + contention * others + coherency * calls * others)


def timeout_hazard(completion_rate, timeout):
    """Rate at which calls still waited for are abandoned, when each is abandoned at the age `timeout`.

    Of calls that complete at rate mu and are given up at age tau, those under way have the mean age density
    mu*exp(-mu*s)/(1-exp(-mu*tau)) on (0, tau); its value at tau is the hazard mu/(exp(mu*tau)-1).
    """
    x = completion_rate * timeout
    if x > 700.0:
        return 0.0
    if x < 1e-12:
        return 1.0 / timeout
    return completion_rate / math.expm1(x)


def mean_health(start, dt, starts, ends, healths):
    """The gateway's health averaged over the step from `start` to `start + dt`."""
    health = 1.0
    for i in range(len(starts)):
        overlap = min(ends[i], start + dt) - max(starts[i], start)
        if overlap > 0.0:
            health *= 1.0 - (1.0 - healths[i]) * overlap / dt
    return max(health, LEAST_HEALTH)


def wait_bin(waited, edges, growth):
    """The bin of a wait: the first holds those too short to count, the others grow by a factor of exp(growth)."""
    if waited < edges[1]:
        return 0
    return min(len(edges) - 2, 1 + int(math.log(waited / edges[1]) / growth))


def load_bin(load):
    """The bin of a load of the front door: finer towards 1, where the wait changes fast."""
    if load >= HIGHEST_LOAD:
        return LOAD_BINS - 1
    return min(LOAD_BINS - 1, int(LOAD_BINS * math.log1p(-load) / math.log1p(-HIGHEST_LOAD)))


def fifo_wait(queue, dispatched, dt, leave_rate, stays, settles, wait):
    """Fill `wait` with how long a buyer who joins at each instant waits for its call, first in, first out.

    A buyer who joins with Q ahead is served when, at dispatch rate b(s), those still ahead are gone:
    Q*exp(-leave_rate*x) - integral of b(s)*exp(-leave_rate*(x - s)) reaches 0. Within a step b is constant and the
    equation solves in closed form. `served` is that integral since the start, scaled by exp(-leave_rate*t) so that
    long windows cannot overflow. Whoever still waits at the end counts with the wait so far. (stays, settles) is
    `relax(leave_rate, dt)` of the step.
    """
    steps = len(queue) - 1
    served = zeros(steps + 1)
    fade = zeros(steps + 1)  # exp(-leave_rate * n * dt)
    fade[0] = 1.0
    for k in range(steps):
        rate = (dispatched[k + 1] - dispatched[k]) / dt
        served[k + 1] = served[k] * stays + rate * settles
        fade[k + 1] = fade[k] * stays
    slack = 1e-9 * max(1.0, dispatched[steps])  # rounding must not hold a buyer back after the queue is empty
    turn = 0  # the step in which the buyer's turn comes
    for k in range(steps + 1):
        turn = max(turn, k)
        ahead = served[k] + queue[k]
        while turn < steps and ahead * fade[turn + 1 - k] > served[turn + 1] + slack:
            turn += 1
        if turn == steps:
            wait[k] = (steps - k) * dt
            continue
        rate = (dispatched[turn + 1] - dispatched[turn]) / dt
        rest = max(0.0, ahead * fade[turn - k] - served[turn])
        into = 0.0
        if rest > 0.0 and rate > 0.0:
            into = rest / rate if leave_rate == 0.0 else math.log1p(rest * leave_rate / rate) / leave_rate
        elif rest > 0.0:
            into = dt
        wait[k] = (turn - k) * dt + min(into, dt)
