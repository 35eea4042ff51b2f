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

from .pieces import LOAD_BINS, fifo_wait, load_bin, mean_health, relax, response_time, timeout_hazard, wait_bin, zeros
from .policies import (
    CLOSED,
    OPEN,
    RETRY_RESERVE,
    TRYING,
    adapt_limit,
    breaker_next,
    call_capacity,
    key_expired,
    queue_room,
    stock_room,
    workers_called,
)

# What a run adds up, in buyers unless it says otherwise: where each buyer ended, and what passed on the way.
PAID, PAID_LATE, DECLINED, TURNED_AWAY, GAVE_UP, DEAD_LETTERED, ARRIVED = range(7)
OFFERED, ADMITTED, CALLS, REFUSED, TIMED_OUT, ERRORS, RETRIES = range(7, 14)
# Charges for calls we had given up on: tried again all the same, or not; worker-seconds paid for, and at work;
# buyer-seconds in the queue.
DOUBLE_CHARGES, ORPHAN_CHARGES, BILLED, BUSY, QUEUEING = range(14, 19)
# What there is at an instant: buyers by place, then the gateway's own view (calls; seconds) and the tokens left.
RELOADING, QUEUED, AT_GATEWAY, RECOVERING, IN_FLIGHT, RESPONSE_TIME, TOKENS = range(19, 26)
# The front door's own servers: how busy they are (share), and the backlog of requests in front of them (s).
DOOR_LOAD, DOOR_DELAY = range(26, 28)
# The policies: workers that are up, calls we allow ourselves, state of the circuit breaker.
WORKERS_UP, OWN_LIMIT, BREAKER = range(28, 31)
FIELDS = 31
# What a run keeps besides its totals.
MAX_QUEUE, MAX_IN_FLIGHT, WORST_RESPONSE_TIME, LONGEST_WAIT, PEAKS = range(5)


def finite(limit):
    """A limit as the series show it: 0 where there is none, because every series is a finite number."""
    return limit if limit < math.inf else 0.0


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
    totals   : FIELDS numbers, the state at the end.     peaks : the largest queue, calls in flight, response time, wait.
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
    people = 1.0 - p.bot_share  # of the tokens and of the requests at the door, the share that is not bots'

    # The policies: which are on, and their own state.
    scaling = p.warm_workers < p.workers
    learning = min(p.breaker_threshold, p.aimd_target, p.retry_budget) < math.inf
    forgetful = p.idempotency_lifetime < steps * dt  # keys may expire within the window
    workers = workers_called(0.0, p.scale_at, p.scale_delay, p)
    billed = workers
    called_at = p.scale_at  # when more workers were, or will be, called
    own_limit = p.aimd_start if p.aimd_target < math.inf else math.inf
    seconds_per_call = p.service_time  # as measured: an average over the last calls
    breaker, breaker_until = CLOSED, math.inf
    recent_failed = 0.0
    recent_ended = 0.0
    recent_stays, _ = relax(1.0 / p.breaker_window, dt)
    retry_tokens = RETRY_RESERVE
    retry_share = 1.0  # of the failed calls that have attempts left, those the budget lets try again
    succeeding = (1.0 - p.error_rate) * (1.0 - p.decline_rate)
    queued = 0.0
    in_recovery = 0.0

    # Cumulative counts at every instant, for first-in-first-out.
    queue_path = zeros(steps + 1)
    joined_path = zeros(steps + 1)
    dispatched_path = zeros(steps + 1)
    admitted_path = zeros(steps)
    left_path = zeros(steps)  # of those joining in a step, the share whose buyer has left
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

    answered = zeros(LOAD_BINS)  # requests at the door, by its load ...
    answered_late = zeros(len(waits))  # ... and by its delay, once it has a backlog
    growth = math.log(edges[2] / edges[1])
    book = zeros(FIELDS)
    book[TOKENS] = tokens
    book[WORKERS_UP] = finite(workers)
    book[OWN_LIMIT] = finite(own_limit)
    book[RESPONSE_TIME] = p.service_time / mean_health(0.0, dt, starts, ends, healths)
    if recording:
        for i in range(FIELDS):
            series[i, 0] = book[i]
    for k in range(steps):
        # 1. What the policies allow in this step.
        now = k * dt
        released = False  # the breaker closes in this step
        if scaling:
            if queued > p.scale_queue:
                called_at = min(called_at, now)
            workers = workers_called(now + dt, called_at, p.scale_delay, p)
            billed = workers_called(now + dt, called_at, 0.0, p)
        dispatch_limit = p.dispatch_rate
        if p.breaker_threshold < math.inf:
            changed, breaker_until = breaker_next(breaker, breaker_until, recent_failed, recent_ended, now, p)
            if changed == TRYING and breaker == OPEN:
                recent_failed, recent_ended = 0.0, 0.0
            released = changed == CLOSED and breaker != CLOSED
            breaker = changed
            if breaker != CLOSED:
                dispatch_limit = min(dispatch_limit, p.breaker_probe if breaker == TRYING else 0.0)

        hands = min(workers, own_limit)  # calls we may have under way

        # 2. The gateway's speed, at the calls in flight expected in the middle of the step.
        middle = in_flight + 0.5 * (in_flight - in_flight_before)
        if released:  # the breaker has just closed: every free worker starts a call at once
            middle = in_flight + min(queued, max(0.0, hands - waited_for - in_refusal))
        middle = min(max(middle, 0.0), p.call_limit)
        health = mean_health(now, dt, starts, ends, healths)
        completion_rate = health / response_time(middle, p.service_time, p.contention, p.coherency)
        abandon_rate = timeout_hazard(completion_rate, p.timeout)
        release_rate = completion_rate + abandon_rate
        call_stays, call_settles = relax(release_rate, dt)
        work_stays, work_settles = relax(completion_rate, dt)

        # 3. Who comes back: buyers from reloading, intents from recovery.
        returning = reloading * (1.0 - reload_stays) + reloaded_late
        recovered = 0.0
        recovered_present = 0.0
        for who in range(rows):
            for j in range(1, attempts):
                i = who * attempts + j
                recovered += recovering[i] * (1.0 - backoff_stays[j]) + recovered_late[i]
            if who == 0:
                recovered_present = recovered

        # 4. The front door: tokens, and room in the queue. Rates are per second.
        free = hands - waited_for * call_stays - in_refusal * refusal_stays
        room = max(0.0, (p.call_limit - in_flight * work_stays) / work_settles)
        taken, refusable = call_capacity(free, room, call_settles, refusal_settles, dispatch_limit)
        queue_left = 0.0
        for j in range(attempts):
            queue_left += queue[j] * queue_stays
        outflow = taken + refusable - recovered / dt
        offered = (arrivals[k] + returning) / dt
        admitted = min(
            offered,
            (tokens / dt + p.admit_rate) * people,
            queue_room(queue_left, queue_settles, outflow, hands, release_rate, p),
        )
        drain_rate = min(dispatch_limit, hands * release_rate)
        if p.stock < math.inf:
            in_the_system = queued + waited_for + in_refusal + in_recovery
            admitted = min(admitted, stock_room(book[PAID] + book[PAID_LATE], in_the_system, p) / dt)
        if limited:
            tokens = min(p.admit_burst, max(0.0, tokens + (p.admit_rate - admitted / people) * dt))
        turned_away = (offered - admitted) * dt
        door_work = (admitted + (offered - admitted) * p.refusal_cost) / people * p.door_time
        door_backlog = max(0.0, door_backlog + (door_work - p.door_servers) * dt)
        door_load = min(1.0, door_work / p.door_servers)
        door_delay = door_backlog / p.door_servers
        if door_backlog > 0.0:
            answered_late[wait_bin(door_delay, edges, growth)] += offered * dt
        else:
            answered[load_bin(door_load)] += offered * dt
        again = turned_away * p.reload_probability
        reloading = reloading * reload_stays + again / dt * reload_settles
        reloaded_late = again - again / dt * reload_settles
        book[TURNED_AWAY] += turned_away - again

        # 5. Dispatch: as many calls as there are intents to make and workers to make them.
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
                left_path[k] = (recovered - recovered_present) / joiners
            turn = 0.5 * (dispatched_path[k] + dispatched_path[k + 1])
            while head < k and joined_path[head + 1] < turn:
                head += 1
            came = joined_path[head + 1] - joined_path[head]
            into = min(max((turn - joined_path[head]) / came, 0.0), 1.0) if came > 0.0 else 0.0
            waited = max(0.0, (k + 0.5 - head - into) * dt)
            present = (1.0 - left_path[head]) * math.exp(-waited / p.patience)

        # 6. Every compartment, exactly; every buyer who leaves one is booked where it goes.
        queued = 0.0
        waited_for = 0.0
        in_refusal = 0.0
        in_recovery = 0.0
        ended_now = 0.0
        failed_now = 0.0
        retried_now = 0.0
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
                finished = max(0.0, calling[i] + accepted * dt - under_way)
                under_way = max(0.0, calling[i] + accepted * dt - finished)
                calling[i] = under_way
                waited_for += under_way
                rejected = started - accepted
                held = refused[i] * refusal_stays + rejected * refusal_settles
                turned_down = max(0.0, refused[i] + rejected * dt - held)
                held = max(0.0, refused[i] + rejected * dt - turned_down)
                refused[i] = held
                in_refusal += held

                timed_out = finished * (abandon_rate / release_rate)
                completed = finished - timed_out
                errors = completed * p.error_rate
                declined = (completed - errors) * p.decline_rate
                book[PAID + who] += completed - errors - declined
                book[DECLINED] += declined
                book[ERRORS] += errors
                book[TIMED_OUT] += timed_out
                book[REFUSED] += rejected * dt
                failed = errors + timed_out + turned_down
                ended_now += finished + turned_down
                failed_now += failed
                charged_late = timed_out * succeeding
                if j + 1 < attempts:
                    retried = failed * retry_share
                    retried_now += retried
                    book[DEAD_LETTERED] += failed - retried
                    book[ORPHAN_CHARGES] += charged_late * (1.0 - retry_share)
                    if forgetful and charged_late > 0.0:
                        wait = queue_path[k] / drain_rate if drain_rate > 0.0 else 0.0
                        made = retry_share * math.exp(-leave_rate * wait)  # unless the buyer leaves the queue first
                        book[DOUBLE_CHARGES] += charged_late * made * key_expired(p.backoff * 2.0**j, wait, p)
                    failed = retried
                    resting = failed / dt * backoff_settles[j + 1]
                    recovering[i + 1] += resting
                    recovered_late[i + 1] += failed - resting
                    in_recovery += recovering[i + 1] + recovered_late[i + 1]
                else:
                    book[DEAD_LETTERED] += failed
                    book[ORPHAN_CHARGES] += charged_late

        in_flight_before = in_flight
        in_flight = max(waited_for, in_flight * work_stays + taken * work_settles)

        # 7. What the policies learn from this step.
        in_use = waited_for + in_refusal
        if learning:
            recent_failed = recent_failed * recent_stays + failed_now
            recent_ended = recent_ended * recent_stays + ended_now
        if p.aimd_target < math.inf:
            seconds_per_call += (1.0 / release_rate - seconds_per_call) * (1.0 - call_stays)
            failing = failed_now / ended_now if ended_now > 0.0 else 0.0
            own_limit = adapt_limit(own_limit, in_use, seconds_per_call, failing, release_rate * dt, p, dt)
        if p.retry_budget < math.inf:
            earned = p.retry_budget * (ended_now - failed_now)
            retry_tokens = min(RETRY_RESERVE, max(0.0, retry_tokens + earned - retried_now))
            wanted = retried_now / retry_share if retry_share > 0.0 else failed_now
            retry_share = (retry_tokens + earned) / wanted if wanted > retry_tokens + earned else 1.0

        # 8. Book-keeping.
        queue_path[k + 1] = queued
        book[ARRIVED] += arrivals[k]
        book[OFFERED] += offered * dt
        book[ADMITTED] += admitted * dt
        book[CALLS] += dispatched * dt
        book[RETRIES] += retried_now
        book[QUEUEING] += queued * dt
        book[BUSY] += in_use * dt
        book[BILLED] += (billed if billed < math.inf else in_use) * dt
        book[WORKERS_UP] = finite(workers)
        book[OWN_LIMIT] = finite(own_limit)
        book[BREAKER] = breaker
        book[RELOADING] = reloading + reloaded_late
        book[QUEUED] = queued
        book[AT_GATEWAY] = in_use
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
    wait_path = zeros(steps + 1)
    fifo_wait(queue_path, dispatched_path, dt, leave_rate, queue_stays, queue_settles, wait_path)
    counts = zeros(len(waits))
    longest = 0.0
    for k in range(steps):
        waited = 0.5 * (wait_path[k] + wait_path[k + 1])
        stayed = admitted_path[k] * math.exp(-waited / p.patience)
        counts[wait_bin(waited, edges, growth)] += stayed
        if stayed > 0.0:
            longest = max(longest, waited)
    peaks[LONGEST_WAIT] = longest
    for i in range(len(waits)):
        waits[i] = counts[i]
        accepts[LOAD_BINS + i] = answered_late[i]
    for i in range(LOAD_BINS):
        accepts[i] = answered[i]
    if recording:
        for k in range(steps + 1):
            series[FIELDS, k] = wait_path[k]
