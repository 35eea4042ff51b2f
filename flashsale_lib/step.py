"""The drop, one step at a time: plain scalar Python, to be read.

This is the only implementation of the model. `engine` compiles these very functions with numba where it can be
imported, and runs them as they stand where it cannot. So: scalars, `math`, small arrays, no cleverness.

A step lasts `dt` seconds. Inside it every rate is held constant, and each compartment x' = inflow - rate*x is
then solved exactly:

    x(dt) = x(0) * stays + inflow * settles,    stays, settles = relax(rate, dt)

Two details make the scheme second-order (halve dt, quarter the error) with one evaluation per step:
- the gateway's speed is taken at mid-step, from the calls in flight extrapolated over half a step;
- whoever fails and recovers (or is turned away and reloads) within one and the same step joins in the next.
"""

import math

import numpy as np

# What a run adds up, in buyers unless it says otherwise: where each buyer ended, and what passed on the way.
PAID, PAID_LATE, DECLINED, TURNED_AWAY, GAVE_UP, DEAD_LETTERED, ARRIVED = range(7)
OFFERED, ADMITTED, CALLS, REFUSED, TIMED_OUT, ERRORS = range(7, 13)
# What there is at an instant: buyers by place, then the gateway's own view (calls; seconds) and the tokens left.
RELOADING, QUEUED, AT_GATEWAY, RECOVERING, IN_FLIGHT, RESPONSE_TIME, TOKENS = range(13, 20)
# The front door's own servers: how busy they are (share), and the backlog of requests in front of them (s).
DOOR_LOAD, DOOR_DELAY = range(20, 22)
FIELDS = 22
# What a run keeps besides its totals.
MAX_QUEUE, MAX_IN_FLIGHT, WORST_RESPONSE_TIME, PEAKS = range(4)

LOAD_BINS = 200
"""Bins for the load of the door's servers, from 0 to 1."""
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


def queue_room(queue_left, settles, outflow, release_rate, p):
    """Buyers per second that may still be let in before the queue is full, or its wait longer than the promise.

    The estimated wait is what an operator can measure: queue length over the rate at which workers get through
    it at the gateway's present response time.
    """
    limit = p.queue_limit
    if p.max_wait < math.inf:
        drain_rate = min(p.dispatch_rate, min(p.workers, p.call_limit) * release_rate)
        if drain_rate < math.inf:
            limit = min(limit, p.max_wait * drain_rate)
    if limit == math.inf:
        return math.inf
    return max(0.0, (limit - queue_left) / settles + outflow)


def run_many(
    scenarios, first, last, arrivals, demand, dt, starts, ends, healths, totals, peaks, waits, accepts, edges, series
):
    """Play the scenarios `first` to `last` (exclusive); `demand[i]` is the row of `arrivals` that scenario i meets."""
    for i in range(first, last):
        run(
            scenarios[i], arrivals[demand[i]], dt, starts[i], ends[i], healths[i],
            totals[i], peaks[i], waits[i], accepts[i], edges, series[i]
        )  # fmt: skip


def run(p, arrivals, dt, starts, ends, healths, totals, peaks, waits, accepts, edges, series):
    """Play one scenario `p` (a record of floats) and add it up in `totals`, `peaks`, `waits` and `series`.

    arrivals : fresh buyers in each step, exact.         starts, ends, healths : the gateway's brownouts.
    totals   : FIELDS numbers, the state at the end.     peaks : the largest queue, calls in flight, response time.
    waits    : buyers by time spent in the queue, one count per bin between `edges`.
    accepts  : requests at the door, by its load (LOAD_BINS) while it keeps up, then by its delay (as `edges`).
    series   : FIELDS rows with the state at every instant and one with the waits, or no rows at all.
    """
    steps = len(arrivals)
    attempts = int(p.attempts)
    skip_stale = p.skip_stale > 0.5
    recording = len(series) > 0
    limited = p.admit_rate < math.inf

    # Buyers by attempts made so far, j. Intents whose buyer has left and will be charged late (only without
    # skip_stale) stand behind the others: `who` is 0 or 1, the place is who * attempts + j.
    rows = 1 if skip_stale else 2
    queue = zeros(attempts)
    calling = zeros(rows * attempts)  # Z: calls a worker waits for
    refused = zeros(rows * attempts)  # calls being refused
    recovering = zeros(rows * attempts)
    recovered_late = zeros(rows * attempts)  # failed and recovered within the previous step
    reloading = 0.0
    reloaded_late = 0.0  # turned away and back within the previous step
    waited_for = 0.0  # all of `calling`
    in_refusal = 0.0  # all of `refused`
    in_flight = 0.0  # N = Z + V, with V the calls timed out here and still being worked on there
    in_flight_before = 0.0
    tokens = p.admit_burst
    door_backlog = 0.0  # work in front of the door's servers, in server-seconds

    # Cumulative counts at every instant, for first-in-first-out.
    queue_path = np.zeros(steps + 1)
    joined_path = np.zeros(steps + 1)
    dispatched_path = np.zeros(steps + 1)
    admitted_path = np.zeros(steps)
    present_path = np.ones(steps)  # share of those joining in a step whose buyer is still there
    head = 0  # the step in which the head of the queue joined

    # What stays and what settles in one step, where the rate never changes.
    leave_rate = 1.0 / p.patience if skip_stale else 0.0
    queue_stays, queue_settles = relax(leave_rate, dt)
    reload_stays, reload_settles = relax(1.0 / p.reload_delay, dt)
    refusal_stays, refusal_settles = relax(1.0 / p.error_time, dt)
    backoff_stays = zeros(attempts + 1)
    backoff_settles = zeros(attempts + 1)
    for j in range(1, attempts):
        pause = p.backoff * 2.0 ** (j - 1)
        if pause > 0.0:
            backoff_stays[j], backoff_settles[j] = relax(1.0 / pause, dt)

    book = zeros(FIELDS)
    book[TOKENS] = tokens
    book[RESPONSE_TIME] = p.service_time / mean_health(0.0, dt, starts, ends, healths)
    if recording:
        for i in range(FIELDS):
            series[i, 0] = book[i]
    for k in range(steps):
        # 1. The gateway's speed, at the calls in flight expected in the middle of the step.
        middle = in_flight + 0.5 * (in_flight - in_flight_before)
        middle = min(max(middle, 0.0), p.call_limit)
        health = mean_health(k * dt, dt, starts, ends, healths)
        completion_rate = health / response_time(middle, p.service_time, p.contention, p.coherency)
        release_rate = completion_rate + timeout_hazard(completion_rate, p.timeout)
        call_stays, call_settles = relax(release_rate, dt)
        work_stays, work_settles = relax(completion_rate, dt)

        # 2. Who comes back: buyers from reloading, intents from recovery.
        returning = reloading * (1.0 - reload_stays) + reloaded_late
        recovered = 0.0
        recovered_present = 0.0
        for who in range(rows):
            for j in range(1, attempts):
                i = who * attempts + j
                recovered += recovering[i] * (1.0 - backoff_stays[j]) + recovered_late[i]
            if who == 0:
                recovered_present = recovered

        # 3. The front door: tokens, and room in the queue. Rates are per second.
        free = p.workers - waited_for * call_stays - in_refusal * refusal_stays
        room = max(0.0, (p.call_limit - in_flight * work_stays) / work_settles)
        taken, refusable = call_capacity(free, room, call_settles, refusal_settles, p.dispatch_rate)
        queue_left = 0.0
        for j in range(attempts):
            queue_left += queue[j] * queue_stays
        outflow = taken + refusable - recovered / dt
        offered = (arrivals[k] + returning) / dt
        admitted = min(
            offered,
            tokens / dt + p.admit_rate,
            queue_room(queue_left, queue_settles, outflow, release_rate, p),
        )
        if limited:
            tokens = min(p.admit_burst, max(0.0, tokens + (p.admit_rate - admitted) * dt))
        turned_away = (offered - admitted) * dt
        door_work = (admitted + (offered - admitted) * p.refusal_cost) * p.door_time
        door_backlog = max(0.0, door_backlog + (door_work - p.door_servers) * dt)
        door_load = min(1.0, door_work / p.door_servers)
        door_delay = door_backlog / p.door_servers
        if door_backlog > 0.0:
            accepts[LOAD_BINS + wait_bin(door_delay, edges)] += offered * dt
        else:
            accepts[min(LOAD_BINS - 1, int(door_load * LOAD_BINS))] += offered * dt
        again = turned_away * p.reload_probability
        reloading = reloading * reload_stays + again / dt * reload_settles
        reloaded_late = again - again / dt * reload_settles
        book[TURNED_AWAY] += turned_away - again

        # 4. Dispatch: as many calls as there are intents to make and workers to make them.
        joiners = admitted * dt + recovered
        supply = queue_left / queue_settles + joiners / dt
        dispatched = min(taken + refusable, supply)
        taken = min(taken, dispatched)
        share_taken = taken / dispatched if dispatched > 0.0 else 0.0
        share_served = dispatched / supply if supply > 0.0 else 0.0
        joined_path[k + 1] = joined_path[k] + joiners
        dispatched_path[k + 1] = dispatched_path[k] + dispatched * dt
        admitted_path[k] = admitted * dt
        present = 1.0
        if not skip_stale:
            # First in, first out: those dispatched now joined when the count of joiners stood where the count of
            # dispatches stands now. Their buyers are still there with probability exp(-waited/patience).
            if joiners > 0.0:
                present_path[k] = (admitted * dt + recovered_present) / joiners
            turn = 0.5 * (dispatched_path[k] + dispatched_path[k + 1])
            while head < k and joined_path[head + 1] < turn:
                head += 1
            came = joined_path[head + 1] - joined_path[head]
            into = min(max((turn - joined_path[head]) / came, 0.0), 1.0) if came > 0.0 else 0.0
            waited = max(0.0, (k + 0.5 - head - into) * dt)
            present = present_path[head] * math.exp(-waited / p.patience)

        # 5. Every compartment, exactly; every buyer who leaves one is booked where it goes.
        queued = 0.0
        waited_for = 0.0
        in_refusal = 0.0
        in_recovery = 0.0
        for last in range(attempts):
            j = attempts - 1 - last  # from the last attempt down: failures move up by one
            joining = admitted
            if j > 0:
                joining = 0.0
                for who in range(rows):
                    i = who * attempts + j
                    joining += (recovering[i] * (1.0 - backoff_stays[j]) + recovered_late[i]) / dt
                    recovering[i] *= backoff_stays[j]
                    recovered_late[i] = 0.0
            leaving = (queue[j] * queue_stays / queue_settles + joining) * share_served
            change = (joining - leaving) * dt
            if skip_stale:
                left_over = max(0.0, queue[j] * queue_stays + (joining - leaving) * queue_settles)
                gave_up = max(0.0, queue[j] + change - left_over)
                book[GAVE_UP] += gave_up
                change -= gave_up
            queue[j] = max(0.0, queue[j] + change)
            queued += queue[j]

            for who in range(rows):
                i = who * attempts + j
                started = leaving * (present if who == 0 else 1.0 - present)
                accepted = started * share_taken
                under_way = calling[i] * call_stays + accepted * call_settles
                finished = calling[i] + accepted * dt - under_way
                calling[i] = under_way
                waited_for += under_way
                rejected = started - accepted
                held = refused[i] * refusal_stays + rejected * refusal_settles
                turned_down = refused[i] + rejected * dt - held
                refused[i] = held
                in_refusal += held

                answered = finished * completion_rate / release_rate
                timed_out = finished - answered
                errors = answered * p.error_rate
                declined = (answered - errors) * p.decline_rate
                book[PAID + who] += answered - errors - declined
                book[DECLINED] += declined
                book[ERRORS] += errors
                book[TIMED_OUT] += timed_out
                book[REFUSED] += rejected * dt
                failed = errors + timed_out + turned_down
                if j + 1 < attempts:
                    resting = failed / dt * backoff_settles[j + 1]
                    recovering[i + 1] += resting
                    recovered_late[i + 1] += failed - resting
                    in_recovery += recovering[i + 1] + recovered_late[i + 1]
                else:
                    book[DEAD_LETTERED] += failed

        in_flight_before = in_flight
        in_flight = max(waited_for, in_flight * work_stays + taken * work_settles)

        # 6. Book-keeping.
        queue_path[k + 1] = queued
        book[ARRIVED] += arrivals[k]
        book[OFFERED] += offered * dt
        book[ADMITTED] += admitted * dt
        book[CALLS] += dispatched * dt
        book[RELOADING] = reloading + reloaded_late
        book[QUEUED] = queued
        book[AT_GATEWAY] = waited_for + in_refusal
        book[RECOVERING] = in_recovery
        book[IN_FLIGHT] = in_flight
        alone = response_time(in_flight, p.service_time, p.contention, p.coherency)
        book[RESPONSE_TIME] = alone / health
        book[TOKENS] = tokens
        book[DOOR_LOAD] = door_load
        book[DOOR_DELAY] = door_delay
        peaks[MAX_QUEUE] = max(peaks[MAX_QUEUE], queued)
        peaks[MAX_IN_FLIGHT] = max(peaks[MAX_IN_FLIGHT], in_flight)
        peaks[WORST_RESPONSE_TIME] = max(peaks[WORST_RESPONSE_TIME], book[RESPONSE_TIME])
        if recording:
            for i in range(FIELDS):
                series[i, k + 1] = book[i]

    for i in range(FIELDS):
        totals[i] = book[i]
    wait = np.zeros(steps + 1)
    fifo_wait(queue_path, dispatched_path, dt, leave_rate, queue_stays, queue_settles, wait)
    counts = zeros(len(waits))
    for k in range(steps):
        waited = 0.5 * (wait[k] + wait[k + 1])
        counts[wait_bin(waited, edges)] += admitted_path[k] * math.exp(-waited / p.patience)
    for i in range(len(waits)):
        waits[i] = counts[i]
    if recording:
        for k in range(steps + 1):
            series[FIELDS, k] = wait[k]


def wait_bin(waited, edges):
    """The bin of a wait: the first holds those too short to count, the others grow by a constant factor."""
    if waited < edges[1]:
        return 0
    return min(len(edges) - 2, 1 + int(math.log(waited / edges[1]) / math.log(edges[2] / edges[1])))


def fifo_wait(queue, dispatched, dt, leave_rate, stays, settles, wait):
    """Fill `wait` with how long a buyer who joins at each instant waits for its call, first in, first out.

    A buyer who joins with Q ahead is served when, at dispatch rate b(s), those still ahead are gone:
    Q*exp(-leave_rate*x) - integral of b(s)*exp(-leave_rate*(x - s)) reaches 0. Within a step b is constant and the
    equation solves in closed form. `served` is that integral since the start, scaled by exp(-leave_rate*t) so that
    long windows cannot overflow. Whoever still waits at the end counts with the wait so far. (stays, settles) is
    `relax(leave_rate, dt)` of the step.
    """
    steps = len(queue) - 1
    served = np.zeros(steps + 1)
    for k in range(steps):
        rate = (dispatched[k + 1] - dispatched[k]) / dt
        served[k + 1] = served[k] * stays + rate * settles
    slack = 1e-9 * max(1.0, dispatched[steps])  # rounding must not hold a buyer back after the queue is empty
    turn = 0  # the step in which the buyer's turn comes
    for k in range(steps + 1):
        turn = max(turn, k)
        ahead = served[k] + queue[k]
        while turn < steps and ahead * math.exp(-leave_rate * (turn + 1 - k) * dt) > served[turn + 1] + slack:
            turn += 1
        if turn == steps:
            wait[k] = (steps - k) * dt
            continue
        rate = (dispatched[turn + 1] - dispatched[turn]) / dt
        rest = max(0.0, ahead * math.exp(-leave_rate * (turn - k) * dt) - served[turn])
        into = 0.0
        if rest > 0.0 and rate > 0.0:
            into = rest / rate if leave_rate == 0.0 else math.log1p(rest * leave_rate / rate) / leave_rate
        elif rest > 0.0:
            into = dt
        wait[k] = (turn - k) * dt + min(into, dt)
