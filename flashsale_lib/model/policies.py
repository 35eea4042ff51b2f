"""What a design decides by itself while the drop runs: plain scalar Python, compiled like the step.

Every policy is set before 12:00 and off by default. `p` is the scenario, a record of floats named as in `parameters`.
"""

import math

CLOSED, TRYING, OPEN = 0.0, 0.5, 1.0
"""States of the circuit breaker: calls flow; a few are let through to see; none are."""
BREAKER_CALLS = 20.0
"""Calls that must have ended within the breaker's window before it may open."""
FAILING = 0.1
"""Share of failed calls from which on the adaptive limit takes the gateway for overloaded."""
RETRY_RESERVE = 100.0
"""Retries that the budget holds at the start, and at most."""


def call_capacity(free, room, settles, refusal_settles, dispatch_rate):
    """Calls per second that can be started in this step: those the gateway takes, and those it will refuse.

    free : places that workers would have at the end of the step if no call were started.
    room : calls per second until the gateway is at its call limit.

    The workers start just as many calls as leaves them full at the end of the step. (Starting a call only in
    the step after a worker became free would lose 40 % of the payments in a saturated run.)
    """
    taken = min(max(0.0, free / settles), room, dispatch_rate)
    refusable = 0.0
    if taken == room and room < dispatch_rate:
        still_free = max(0.0, free - taken * settles)
        refusable = min(still_free / refusal_settles, dispatch_rate - taken)
    return taken, refusable


def queue_room(queue_left, settles, outflow, workers, release_rate, p):
    """Buyers per second that may still be let in before the queue is full, or its wait longer than the promise.

    The estimated wait is what an operator can measure: queue length over the rate at which workers get through
    it at the gateway's present response time.
    """
    limit = p.queue_limit
    if p.max_wait < math.inf:
        drain_rate = min(p.dispatch_rate, min(workers, p.call_limit) * release_rate)
        if drain_rate < math.inf:
            limit = min(limit, p.max_wait * drain_rate)
    if limit == math.inf:
        return math.inf
    return max(0.0, (limit - queue_left) / settles + outflow)


def stock_room(sold, in_the_system, p):
    """Buyers that may still be let in before stock is spoken for: (stock - sold)*(1 + overbooking) - in the system.

    `overbooking` makes room for those who are let in and do not buy: declined cards, lost patience.
    """
    return max(0.0, (p.stock - sold) * (1.0 + p.overbooking) - in_the_system)


def workers_called(now, called_at, delay, p):
    """Workers `delay` seconds after more were called at `called_at`: warm ones, and scale_rate per second on top."""
    running = now - called_at - delay
    if p.warm_workers >= p.workers or running <= 0.0:
        return min(p.workers, p.warm_workers)
    return min(p.workers, p.warm_workers + p.scale_rate * running)


def adapt_limit(limit, in_use, seconds_per_call, failing, calls_in_step, p, dt):
    """Additive increase, multiplicative decrease of the calls we allow ourselves (AIMD).

    Slow calls (above aimd_target) or failing ones cut the limit by the factor aimd_cut once per call time; otherwise
    it grows by aimd_increase per second, as long as it is being used.
    """
    if seconds_per_call > p.aimd_target or failing > FAILING:
        return max(1.0, limit * p.aimd_cut ** min(1.0, calls_in_step))
    if in_use > 0.5 * limit:
        return min(p.workers, limit + p.aimd_increase * dt)
    return limit


def breaker_next(state, until, failed, ended, now, p):
    """The circuit breaker's state and the time it holds until, from the calls that failed and ended within its window.

    It opens when more than breaker_threshold of them failed; stays open for breaker_pause; then lets breaker_probe
    calls per second through for one window, and closes or opens again by what became of those.
    """
    bad = failed > p.breaker_threshold * ended
    if state == CLOSED:
        if bad and ended >= BREAKER_CALLS:
            return OPEN, now + p.breaker_pause
    elif now >= until:
        if state == OPEN:
            return TRYING, now + p.breaker_window
        if ended > 0.0:
            return (OPEN, now + p.breaker_pause) if bad else (CLOSED, math.inf)
    return state, until


def key_expired(pause, wait, p):
    """Probability that a retry comes after the idempotency key is forgotten: an exponential pause, then the queue."""
    left = p.idempotency_lifetime - wait
    if left <= 0.0:
        return 1.0
    if pause <= 0.0 or left == math.inf:
        return 0.0
    return math.exp(-left / pause)
