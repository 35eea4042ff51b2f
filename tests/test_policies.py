"""Every policy vanishes in one limit and binds in another: closed forms, and what is conserved."""

import math

import numpy as np
import pytest
from helpers import PLACES, PLAIN, STEADFAST, TOTALS, changed, steady
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

import flashsale_lib as fs
from flashsale_lib.model import step
from flashsale_lib.model.outcome import PLACES as PLACE_ROWS
from flashsale_lib.model.policies import CLOSED, OPEN, RETRY_RESERVE, TRYING

INF = math.inf
MORE = [*TOTALS, "requests", "retries", "refused_calls", "timed_out_calls", "double_charges", "orphan_charges"]


def unlimited(**changes):
    return fs.Design.unlimited(**{"timeout": INF, "attempts": 1, **changes})


def play(design, demand, buyers=STEADFAST, gateway=PLAIN, **options):
    return fs.simulate(design, demand=demand, buyers=buyers, gateway=gateway, **options)


def assert_same(a, b, rel=1e-12):
    for name in MORE:
        assert getattr(a, name) == pytest.approx(getattr(b, name), rel=rel, abs=rel), name


def over(outcome, name, first, last):
    """What a cumulative total grew by between two times."""
    at = [round(t / outcome.dt) for t in (first, last)]
    return float(np.diff(outcome.recorded[0][name][at])[0])


# ---- vanishing ---------------------------------------------------------------------------------------------------

FAR = {  # each policy, out of reach: its own machinery runs, and must change nothing
    "max_wait": dict(max_wait=1e9),
    "stock": dict(stock=1e9),
    "overbooking without a stock": dict(overbooking=5.0),
    "retry_budget": dict(retry_budget=1e9),
    "breaker at all calls failing": dict(breaker_threshold=1.0),
    "breaker at a healthy gateway": dict(breaker_threshold=0.2),
    "breaker settings without a threshold": dict(breaker_window=1, breaker_pause=500, breaker_probe=0),
    "aimd from all workers": dict(aimd_target=1e9, aimd_start=150),
    "aimd settings without a target": dict(aimd_start=1, aimd_increase=0, aimd_cut=0.01),
    "as many warm as there are": dict(warm_workers=150, scale_at=0, scale_queue=0),
    "scaling of workers that are warm": dict(scale_at=100, scale_queue=10, scale_rate=1),
    "keys that outlive the window": dict(idempotency_lifetime=901),
    "all tokens": dict(admit_rate=1e9, admit_burst=1e9),
}


@pytest.mark.parametrize("name", FAR)
def test_a_policy_out_of_reach_changes_nothing(name):
    # rounding only: a finite retry budget multiplies by a share of one, a promise compares with a finite limit
    assert_same(fs.simulate(fs.Design(**FAR[name])), fs.simulate(fs.Design()))


def test_no_bots_and_endless_patience_leave_two_switches_without_effect():
    few = fs.simulate(fs.Design(admit_rate=60), buyers=fs.Buyers(bot_share=1e-13))
    assert_same(few, fs.simulate(fs.Design(admit_rate=60), buyers=fs.Buyers(bot_share=0)), rel=1e-9)
    stale, fresh = (play(unlimited(workers=20, skip_stale=s), steady(50, 200)) for s in (False, True))
    assert_same(stale, fresh)
    assert stale.paid_late == stale.gave_up == 0


def test_calls_for_buyers_who_left_take_the_place_of_others():
    """skip_stale off: of b calls a second, a share exp(-L/b/patience) finds its buyer; the rest is wasted work."""
    buyers, demand = changed(STEADFAST, patience=30.0), steady(100, 900)
    wasteful, thrifty = (play(unlimited(workers=20, queue_limit=600, skip_stale=s), demand, buyers) for s in (0, 1))
    late = over(wasteful, step.PAID_LATE, 400, 800) / over(wasteful, step.CALLS, 400, 800)
    assert late == pytest.approx(1 - math.exp(-600 / 20 / 30), rel=1e-6)
    assert thrifty.paid_late == 0
    assert wasteful.calls == pytest.approx(thrifty.calls, rel=1e-9)


# ---- the promise -------------------------------------------------------------------------------------------------


def test_a_promise_of_no_wait_lets_in_just_those_who_can_be_served_at_once():
    outcome = play(unlimited(workers=20, max_wait=0), steady(100, 300))
    assert outcome.max_queue < 1e-9
    assert outcome.admissions == pytest.approx(20 * 300 + 20, abs=0.25 * 20)  # a second to fill, a step of which counts
    assert outcome.wait_quantile(0.99) == 0


@pytest.mark.parametrize("promise", [1, 12, 60])
@pytest.mark.parametrize("patience", [INF, 30.0])
def test_the_wait_stays_at_the_promise(promise, patience):
    """The door holds promise * b buyers; those who leave meanwhile shorten the wait to patience * log1p(w/patience)."""
    design = unlimited(workers=20, max_wait=promise)
    outcome = play(design, steady(100, 600), buyers=changed(STEADFAST, patience=patience))
    wait = promise if patience == INF else patience * math.log1p(promise / patience)
    settled = (outcome.time > 60) & (outcome.time < 500)
    assert outcome.wait[settled] == pytest.approx(wait, rel=1e-6)
    assert outcome.wait.max() <= wait * (1 + 1e-9)
    assert over(outcome, step.PAID, 100, 500) == pytest.approx(20 * 400, rel=1e-9)  # and no sale is lost


def test_a_promise_knows_of_every_other_limit_of_the_calls():
    for limits in (
        dict(dispatch_rate=10),
        dict(warm_workers=10),
        dict(aimd_target=1e9, aimd_start=10, aimd_increase=0),
    ):
        outcome = play(unlimited(workers=20, max_wait=12, **limits), steady(100, 300))
        assert outcome.queue[200:] == pytest.approx(120, rel=1e-6), limits
    refusing = play(unlimited(workers=20, max_wait=12), steady(200, 300), gateway=changed(PLAIN, call_limit=10))
    assert refusing.queue[200:] == pytest.approx(120, rel=1e-6)


# ---- stock -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("declines", [0.0, 0.3])
@pytest.mark.parametrize("stock", [1, 500, 1999])
def test_everything_sells_out_exactly(stock, declines):
    gateway = changed(PLAIN, decline_rate=declines)
    outcome = play(unlimited(workers=20, stock=stock), steady(50, 400), gateway=gateway)
    # The last buyers are let in one by one as cards are declined: an exponential approach, over at 400 s.
    assert outcome.paid == pytest.approx(stock, rel=1e-6)
    assert outcome.paid <= stock * (1 + 1e-12)
    assert outcome.admitted[-1] < 1e-6


def test_no_stock_lets_nobody_in():
    outcome = play(unlimited(stock=0, overbooking=3), steady(50, 100))
    assert outcome.admissions == outcome.calls == 0
    assert outcome.turned_away == pytest.approx(outcome.arrived, rel=1e-12)


@pytest.mark.parametrize("overbooking", [0, 0.1, 0.5])
@pytest.mark.parametrize("skip_stale", [True, False])
@pytest.mark.parametrize("seconds_per_call", [0.8, 30])
def test_never_more_is_sold_than_stock_and_overbooking(overbooking, skip_stale, seconds_per_call):
    design = fs.Design(stock=3000, overbooking=overbooking, skip_stale=skip_stale, timeout=INF)
    outcome = fs.simulate(design, gateway=fs.PaymentGateway(service_time=seconds_per_call))
    sold = outcome.recorded[0][step.PAID] + outcome.recorded[0][step.PAID_LATE]
    assert sold.max() <= 3000 * (1 + overbooking) * (1 + 1e-12)
    if seconds_per_call < 1:
        # Demand outlasts the stock: all is sold, and not more than those of the first rush who buy (92 % do, at most).
        assert 3000 * (1 - 1e-3) <= sold[-1] <= max(3000, 3000 * (1 + overbooking) * 0.92)


def test_overbooking_by_the_share_of_declines_sells_just_the_stock_in_one_rush():
    rush = fs.Demand([0, 0.25, 0.25, 100], [8000, 8000, 0, 0])  # 2,000 buyers within one step
    gateway = changed(PLAIN, decline_rate=0.2)
    outcome = play(unlimited(workers=100, stock=400, overbooking=0.25), rush, gateway=gateway)
    assert outcome.admissions == pytest.approx(500, rel=1e-12)
    assert outcome.paid == pytest.approx(400, rel=1e-9)
    cautious = play(unlimited(workers=100, stock=400), rush, gateway=gateway)
    assert cautious.paid == pytest.approx(320, rel=1e-9)  # without it, one in five is left on the shelf


# ---- bots --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bots", [0.0, 0.25, 0.9])
def test_of_scarce_tokens_bots_take_their_share(bots):
    buyers = changed(STEADFAST, bot_share=bots)
    outcome = play(unlimited(admit_rate=10, admit_burst=50), steady(200, 100), buyers)
    assert outcome.admissions == pytest.approx((50 + 10 * 100) * (1 - bots), rel=1e-9)
    assert outcome.tokens[1:].max() < 1e-9 + 50 * (bots < 0.25)  # taken at once by whomever


def test_of_plentiful_tokens_bots_take_nothing_that_is_missed():
    """Tokens run short just when buyers and bots together ask for more than admit_rate: at 1 - bot_share = 10/100."""
    for bots, admitted in ((0.5, 1.0), (0.89, 1.0), (0.95, 0.5)):
        buyers = changed(STEADFAST, bot_share=bots)
        outcome = play(unlimited(admit_rate=100, admit_burst=0), steady(10, 300), buyers)
        assert outcome.admissions == pytest.approx(admitted * 3000, rel=1e-9)


def test_the_door_answers_bots_too():
    for bots in (0.0, 0.5, 0.8):
        outcome = play(unlimited(door_servers=10, door_time=0.01), steady(100, 60), changed(STEADFAST, bot_share=bots))
        assert outcome.door_load[1:] == pytest.approx(100 / (1 - bots) * 0.01 / 10, rel=1e-9)


# ---- retry budget ------------------------------------------------------------------------------------------------

FAULTY = changed(PLAIN, error_rate=0.5)


def test_without_a_budget_the_reserve_is_spent_and_then_nothing_is_retried():
    outcome = play(unlimited(attempts=3, retry_budget=0), steady(10, 500), gateway=FAULTY)
    once = play(unlimited(attempts=1), steady(10, 500), gateway=FAULTY)
    # The budget is read off one step late: at most what fails in that step, 5/s for 0.25 s, is overspent.
    assert outcome.retries == pytest.approx(RETRY_RESERVE, abs=1.25)
    grew = [over(each, step.DEAD_LETTERED, 250, 500) for each in (outcome, once)]
    assert grew[0] == pytest.approx(grew[1], rel=1e-6)
    assert grew[1] == pytest.approx(0.5 * 10 * 250, rel=1e-6)


@pytest.mark.parametrize("attempts", [2, 8])
@pytest.mark.parametrize("budget", [0.05, 0.3])
def test_retries_are_a_share_of_the_calls_that_were_answered(budget, attempts):
    outcome = play(unlimited(attempts=attempts, retry_budget=budget), steady(10, 1000), gateway=FAULTY)
    answered = outcome.paid + outcome.declined
    assert outcome.retries == pytest.approx(RETRY_RESERVE + budget * answered, rel=0.01)  # it binds
    # In the long run every budgeted retry is a call, half of which is answered: x = (10 + budget*x)/2.
    rate = over(outcome, step.PAID, 500, 1000) / 500
    assert rate == pytest.approx(10 / (2 - budget), rel=1e-3)


@pytest.mark.parametrize("budget", [0, 0.01, 0.2, 2.0])
def test_retries_never_exceed_the_reserve_and_the_budget(budget):
    for gateway in (fs.PaymentGateway(error_rate=0.4), fs.PaymentGateway().brownout(90, 200, 0.1)):
        outcome = fs.simulate(fs.Design(retry_budget=budget, attempts=8), gateway=gateway)
        paths = outcome.recorded[0]
        answered = paths[step.PAID] + paths[step.PAID_LATE] + paths[step.DECLINED]
        over_budget = paths[step.RETRIES] - (RETRY_RESERVE + budget * answered)
        in_a_step = np.diff(paths[step.CALLS]).max()  # it is read off one step late
        assert over_budget.max() <= in_a_step


def test_a_budget_that_covers_every_failure_is_none():
    free, rich = (play(unlimited(attempts=3, retry_budget=b), steady(10, 300), gateway=FAULTY) for b in (INF, 2.0))
    assert_same(free, rich, rel=1e-9)


# ---- circuit breaker ---------------------------------------------------------------------------------------------

BROKEN = changed(PLAIN, error_rate=1.0)


@pytest.mark.parametrize(("window", "pause", "probe"), [(10, 10, 5), (5, 20, 2), (10, 0, 1)])
def test_at_a_broken_gateway_calls_are_those_of_the_trials(window, pause, probe):
    """Opens once 20 calls have failed, then rests for `pause` and tries `probe` calls/s for `window`, for ever."""
    breaker = dict(breaker_threshold=0.5, breaker_window=window, breaker_pause=pause, breaker_probe=probe)
    outcome = play(unlimited(**breaker), steady(50, 600), gateway=BROKEN)
    opened = outcome.time[np.argmax(outcome.breaker > CLOSED)]
    # Failures come at 50 (1 - exp(-t)) per second: 20 of them after a second, a little more as the window forgets.
    assert 1.0 < opened < 1.75
    assert np.all(outcome.breaker[outcome.time > opened] > CLOSED)
    cycle = window + max(pause, outcome.dt)  # open for a step at least
    trials = (600 - opened) / cycle
    calls = outcome.calls - over(outcome, step.CALLS, 0, opened)
    assert calls == pytest.approx(trials * probe * window, abs=probe * window)
    assert np.mean(outcome.breaker == OPEN) == pytest.approx(max(pause, 0.25) / cycle, abs=0.03)
    trying = outcome.breaker[1:] == TRYING
    assert outcome.dispatched[1:][trying] == pytest.approx(probe, rel=1e-9)
    assert outcome.dispatched[1:][outcome.breaker[1:] == OPEN].max(initial=0.0) == 0
    assert outcome.paid == 0


def test_at_a_dead_gateway_it_opens_when_calls_time_out():
    dead = PLAIN.brownout(-INF, INF, 0)
    design = unlimited(timeout=4.0, breaker_threshold=0.5)
    outcome = play(design, steady(50, 600), gateway=dead)
    open_door = play(changed(design, breaker_threshold=INF), steady(50, 600), gateway=dead)
    assert np.mean(outcome.breaker == OPEN) > 0.4
    assert outcome.calls < 0.1 * open_door.calls
    assert outcome.paid < 1e-6 * outcome.arrived


def test_it_takes_twenty_calls():
    def opens(calls):  # all at once; nearly all of them have failed within 9 s, of which the window forgets little
        rush = fs.Demand([0, 0.25, 0.25, 60], [4 * calls, 4 * calls, 0, 0])
        outcome = play(unlimited(breaker_threshold=0.5, breaker_window=1e4), rush, gateway=BROKEN)
        return outcome.breaker.max() == OPEN

    assert opens(20.1)
    assert not opens(19.9)


def test_it_closes_again_when_the_gateway_has_recovered():
    gateway = PLAIN.brownout(300, 360, 0)
    design = unlimited(workers=100, timeout=5.0, breaker_threshold=0.5, attempts=8)
    outcome = play(design, steady(40, 600), gateway=gateway)
    away = outcome.time[outcome.breaker > CLOSED]
    # The window remembers 400 successes at 300 s, and then up to 100 workers' timeouts, 20/s: as many as half of all
    # after 10 ln 3 seconds, and one or two until all workers are stuck.
    assert 300 + 10 * math.log(3) - 0.25 < away[0] < 300 + 10 * math.log(3) + 2
    # The trial under way at 360 s may fail, a pause of 10 s, then a trial of 10 s succeeds.
    assert 360 < away[-1] <= 360 + 10 + 10 + 10
    assert np.all(outcome.breaker[outcome.time > away[-1]] == CLOSED)
    assert outcome.goodput[-200:] == pytest.approx(40, rel=0.01)


def test_a_trial_is_judged_by_its_own_calls_alone():
    """70 failures, of which the window still remembers 9 after pause and trial, next to 13 successes: it closes."""
    gateway = changed(PLAIN, service_time=0.1).brownout(0, 11, 0)
    outcome = play(unlimited(timeout=1.0, breaker_threshold=0.2, breaker_probe=2), steady(50, 60), gateway=gateway)
    away = outcome.time[outcome.breaker > CLOSED]
    assert 1 < away[0] < 2
    assert away[-1] == away[0] + 10 + 10 - outcome.dt


# ---- adaptive limit ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [1.0, 1.5, 2.5])
def test_the_limit_settles_where_calls_take_as_long_as_the_target(target):
    gateway = fs.PaymentGateway(error_rate=0)
    calls = brentq(lambda n: gateway.response_time(n) - target, 1, 1000)
    design = unlimited(workers=800, aimd_target=target)
    outcome = play(design, steady(200, 900), gateway=gateway)
    settled = outcome.own_limit[outcome.time > 300]
    # A saw: cut to 0.7, at once or a bit later (calls are measured with a delay of one call), and up again.
    assert 0.7 * calls < settled.mean() < 1.05 * calls
    assert settled.max() < 1.25 * calls
    assert outcome.in_flight.max() < 1.25 * calls


def test_eight_hundred_workers_find_the_knee():
    best = fs.simulate(fs.Design.unlimited(workers=np.arange(100, 221, 10)), record=False).paid.max()
    adaptive = fs.simulate(fs.Design.unlimited(workers=800, aimd_target=2.0), record=False)
    assert adaptive.paid > 0.95 * best
    assert fs.simulate(fs.Design.naive(), record=False).paid < 0.25 * best


@pytest.mark.parametrize("gateway", [fs.PaymentGateway().brownout(100, 300, 0), BROKEN, fs.PaymentGateway()])
@pytest.mark.parametrize("limits", [dict(aimd_increase=500), dict(aimd_cut=0.01), dict(aimd_start=1), dict(workers=30)])
def test_the_limit_is_at_least_one_call_and_at_most_all_workers(gateway, limits):
    design = unlimited(**{"workers": 200, "timeout": 5, "aimd_target": 1.2, **limits})
    outcome = fs.simulate(design, gateway=gateway)
    assert outcome.own_limit.min() >= 1
    assert outcome.own_limit.max() <= max(design.workers, design.aimd_start)
    assert outcome.waited_for.max() <= max(1.0, outcome.own_limit.max()) * (1 + 1e-9)


def test_the_limit_falls_to_one_call_while_calls_fail_and_grows_linearly_when_they_do_not():
    low = play(unlimited(workers=100, aimd_target=5), steady(50, 200), gateway=BROKEN)
    assert low.own_limit[-1] == 1
    design = unlimited(workers=500, aimd_target=1e9, aimd_start=10, aimd_increase=3)
    growing = play(design, steady(1000, 100))
    # It waits for the first call (half of the limit must be in use), then grows by 3 a second.
    assert np.diff(growing.own_limit[8:]) == pytest.approx(3 * 0.25, rel=1e-9)
    assert growing.own_limit[-1] == pytest.approx(10 + 3 * 100, abs=3)


def test_the_limit_stops_growing_when_less_than_half_of_it_is_used():
    outcome = play(unlimited(workers=500, aimd_target=1e9, aimd_start=20, aimd_increase=2), steady(14, 100))
    assert outcome.own_limit[-1] == pytest.approx(28, abs=0.5 + 2 * 0.25)  # 14 calls in flight, and one step of growth


# ---- workers that must be called ---------------------------------------------------------------------------------


def test_workers_called_early_enough_are_as_good_as_always_on():
    demand = fs.Demand.drop(base=0)  # nobody comes in the first minute
    always = fs.simulate(fs.Design(), demand=demand)
    called = fs.simulate(fs.Design(warm_workers=0, scale_at=0, scale_delay=20, scale_rate=10), demand=demand)
    assert_same(called, always, rel=1e-9)
    assert called.worker_seconds < always.worker_seconds == pytest.approx(150 * 900)
    at_once = fs.simulate(fs.Design(warm_workers=0, scale_at=50, scale_delay=5, scale_rate=INF), demand=demand)
    assert_same(at_once, always, rel=1e-9)


@pytest.mark.parametrize(("warm", "rate", "called"), [(0, 5, 100), (50, 2, 37), (149, INF, 0), (50, 1, 850)])
def test_the_bill_of_workers_called_by_schedule(warm, rate, called):
    """Paid from the call on, warm-up included: the ramp of warm + rate*(t - called), up to all of them."""
    extra = 150 - warm
    ramp = min(extra / rate, 900 - called)
    bill = warm * 900 + 0.5 * ramp * min(extra, rate * ramp if rate < INF else 0) + extra * (900 - called - ramp)
    design = unlimited(workers=150, warm_workers=warm, scale_at=called, scale_rate=rate, scale_delay=60)
    outcome = play(design, steady(10, 900))
    assert outcome.worker_seconds == pytest.approx(bill, abs=extra * 0.25)  # a step is billed by its end
    up = np.minimum(extra, np.maximum(0, outcome.time - called - 60) * min(rate, 1e9))
    assert outcome.workers_up == pytest.approx(warm + up, rel=1e-9)


def test_the_backlog_before_the_first_new_worker_is_the_excess_times_the_delay():
    """(lambda - mu c) * delay, on top of the queue at which they were called."""
    for delay in (10, 60):
        design = unlimited(workers=100, warm_workers=20, scale_queue=150, scale_delay=delay, scale_rate=INF)
        outcome = play(design, steady(50, 300))
        call = int(np.argmax(outcome.queue > 150))
        first = int(np.argmax(outcome.workers_up > 20))
        assert (first - call) * outcome.dt == pytest.approx(delay, abs=0.25)
        assert outcome.queue[first - 1] - outcome.queue[call] == pytest.approx(30 * (first - 1 - call) * 0.25, rel=1e-9)
        assert outcome.max_queue == pytest.approx(150 + 30 * delay, abs=2 * 30 * 0.25)  # two steps to notice


def test_nobody_calls_workers_for_a_queue_that_never_comes():
    outcome = play(unlimited(workers=100, warm_workers=60, scale_queue=10), steady(50, 300))
    assert np.all(outcome.workers_up == 60)
    assert outcome.worker_seconds == pytest.approx(60 * 300)
    assert outcome.busy_seconds == pytest.approx(50 * 300, rel=0.01)  # Little: rate times a second, less the filling


# ---- charges -----------------------------------------------------------------------------------------------------

ONCE_500 = fs.Demand([0, 50, 50, 2000], [10, 10, 0, 0])  # 500 buyers, and time for everything to end
SLIPS = changed(PLAIN, error_rate=0.1, decline_rate=0.2)
TIMELY = math.exp(-2.0)  # of calls of one second, those that take longer than the timeout of two
SUCCEED = 0.9 * 0.8


@pytest.mark.parametrize("lifetime", [INF, 86_400, 1000])
def test_keys_that_outlive_the_retry_prevent_every_double_charge(lifetime):
    design = unlimited(timeout=2, attempts=2, idempotency_lifetime=lifetime)
    outcome = play(design, ONCE_500, gateway=SLIPS)
    assert outcome.timed_out_calls > 50
    assert outcome.double_charges < 1e-9


@pytest.mark.parametrize("backoff", [0, 4])
def test_without_keys_every_late_success_that_was_retried_charges_twice(backoff):
    design = unlimited(timeout=2, attempts=2, idempotency_lifetime=0, backoff=backoff)
    outcome = play(design, ONCE_500, gateway=SLIPS)
    again = 500 * (TIMELY + (1 - TIMELY) * 0.1)
    assert outcome.retries == pytest.approx(again, rel=1e-6)
    assert outcome.double_charges == pytest.approx(500 * TIMELY * SUCCEED, rel=1e-6)
    assert outcome.orphan_charges == pytest.approx(again * TIMELY * SUCCEED, rel=1e-6)


@pytest.mark.parametrize("lifetime", [1, 4, 20])
def test_keys_expire_while_the_retry_pauses(lifetime):
    design = unlimited(timeout=2, attempts=2, idempotency_lifetime=lifetime, backoff=4)
    outcome = play(design, ONCE_500, gateway=SLIPS)
    assert outcome.double_charges == pytest.approx(500 * TIMELY * SUCCEED * math.exp(-lifetime / 4), rel=1e-6)


def test_keys_that_live_as_long_as_the_window_never_expire():
    """However late the retry, within the window it is recognised."""
    for lifetime, charged_twice in ((1999, True), (2000, False)):
        design = unlimited(timeout=2, attempts=2, idempotency_lifetime=lifetime, backoff=1e4)
        assert (play(design, ONCE_500, gateway=SLIPS).double_charges > 10) == charged_twice


def test_keys_expire_while_the_retry_queues():
    """A queue held at 600 in front of 20 calls/s: half a minute, longer than a key of 20 s, shorter than one of 40 s."""
    for lifetime, charged_twice in ((20, True), (40, False)):
        design = unlimited(workers=20, queue_limit=600, timeout=2, attempts=2, backoff=0, idempotency_lifetime=lifetime)
        outcome = play(design, steady(200, 300))
        steady_state = over(outcome, step.DOUBLE_CHARGES, 100, 300)
        assert (steady_state > 100) == charged_twice
        assert charged_twice or steady_state == 0


def test_after_one_attempt_late_successes_are_orphans():
    outcome = play(unlimited(timeout=2, idempotency_lifetime=0), ONCE_500, gateway=SLIPS)
    assert outcome.timed_out_calls == pytest.approx(500 * TIMELY, rel=1e-6)
    assert outcome.orphan_charges == pytest.approx(outcome.timed_out_calls * SUCCEED, rel=1e-12)
    assert outcome.double_charges == 0


def test_retries_that_the_budget_refuses_leave_orphans_not_double_charges():
    outcome = play(unlimited(timeout=2, attempts=2, idempotency_lifetime=0, retry_budget=0), steady(50, 900))
    assert over(outcome, step.DOUBLE_CHARGES, 300, 900) == 0
    assert over(outcome, step.ORPHAN_CHARGES, 300, 900) == pytest.approx(50 * 600 * TIMELY, rel=1e-6)


# ---- the front door ----------------------------------------------------------------------------------------------


def sojourn_quantile(q, servers, service, rate):
    """Of an M/M/c queue, from the textbook: P(T > t) = e^(-mu t) + C (e^(-mu t) - e^(-mu t (c-a))) / (c-1-a)."""
    a, b = rate * service, 1.0
    for k in range(1, servers + 1):
        b = a * b / (k + a * b)
    c, gap = b / (1 - (1 - b) * a / servers), servers - 1 - a

    def tail(t):
        served = math.exp(-t / service)
        return served + c * (served - math.exp(-t / service * (gap + 1))) / gap

    return brentq(lambda t: tail(t) - (1 - q), 0, 1e3 * service)


@pytest.mark.parametrize("q", [0.5, 0.9, 0.99])
@pytest.mark.parametrize(("servers", "load"), [(1, 0.3), (1, 0.9), (4, 0.8), (24, 0.5), (24, 0.95)])
def test_accept_latency_is_that_of_a_many_server_queue(servers, load, q):
    service = 0.02
    rate = load * servers / service
    outcome = play(unlimited(door_servers=servers, door_time=service), steady(rate, 60))
    # Loads are counted in bins that are 2.3 % wide in 1 - load.
    assert outcome.accept_quantile(q) == pytest.approx(sojourn_quantile(q, servers, service, rate), rel=0.015)


def test_a_door_with_servers_to_spare_takes_its_service_time():
    outcome = play(unlimited(door_servers=10_000, door_time=0.05), steady(100, 60))
    for q in (0.1, 0.5, 0.99):
        assert outcome.accept_quantile(q) == pytest.approx(-math.log1p(-q) * 0.05, rel=1e-3)
    assert outcome.accept_latency[1:] == pytest.approx(0.05, rel=1e-9)


def test_an_overdriven_door_falls_behind_by_its_excess():
    """Twice as much as 4 servers can do: the answer takes (2 - 1) * t, so quantiles are those of the time itself."""
    outcome = play(unlimited(door_servers=4, door_time=0.05), steady(160, 100))
    assert outcome.door_delay == pytest.approx(outcome.time, rel=1e-9)
    # On top of the backlog comes the wait at a load of 0.99: 0.05/(4 * 0.01) s, a known excess.
    for q in (0.1, 0.5, 0.9):
        assert 100 * q < outcome.accept_quantile(q) < 100 * q + 1.5


@pytest.mark.parametrize("cost", [0.25, 0.5])
def test_to_say_no_is_cheaper(cost):
    """With nobody let in, the door is an M/M/c queue whose service takes refusal_cost * door_time."""
    refusing = unlimited(admit_rate=0, admit_burst=0, door_servers=4, door_time=0.04, refusal_cost=cost)
    outcome = play(refusing, steady(160, 60))
    assert outcome.accept_quantile(0.99) == pytest.approx(sojourn_quantile(0.99, 4, 0.04 * cost, 160), rel=0.015)
    letting_in = play(changed(refusing, admit_rate=INF), steady(160, 60))
    assert letting_in.accept_quantile(0.99) > 10  # 1.6 times as much as it can do
    free = play(changed(refusing, refusal_cost=0), steady(160, 60))
    assert np.all(free.door_load == 0)


# ---- everything at once ------------------------------------------------------------------------------------------

DIALS = {  # evenly in the logarithm
    "admit_rate": (5, 500), "admit_burst": (1, 1000), "max_wait": (1, 300), "queue_limit": (10, 20_000),
    "workers": (1, 800), "dispatch_rate": (5, 500), "timeout": (0.5, 30), "backoff": (0.1, 30), "stock": (10, 30_000),
    "overbooking": (0.01, 1), "retry_budget": (0.01, 2), "breaker_threshold": (0.05, 1), "breaker_window": (1, 30),
    "breaker_pause": (1, 60), "breaker_probe": (0.5, 50), "aimd_target": (0.5, 20), "aimd_start": (1, 500),
    "aimd_increase": (0.1, 50), "aimd_cut": (0.05, 1), "warm_workers": (0.1, 400), "scale_at": (1, 900),
    "scale_queue": (1, 5000), "scale_delay": (0.1, 300), "scale_rate": (0.5, 100), "idempotency_lifetime": (1, 500),
}  # fmt: skip


@st.composite
def every_policy(draw):
    chance = draw(st.randoms(use_true_random=True))
    dials = {name: low * (high / low) ** chance.random() for name, (low, high) in DIALS.items()}
    design = fs.Design(**dials, attempts=chance.randint(1, 5), skip_stale=chance.random() < 0.5)
    gateway = fs.PaymentGateway(error_rate=chance.choice([0.002, 0.05, 0.5]), decline_rate=0.08)
    begin = chance.uniform(0, 900)
    gateway = gateway.brownout(begin, begin + chance.uniform(0, 300), chance.choice([0, 0.2, 0.6]))
    buyers = fs.Buyers(patience=300 * chance.choice([0.1, 1, INF]), bot_share=chance.uniform(0.01, 0.9))
    return dict(design=design, gateway=gateway, buyers=buyers)


@given(every_policy())
@settings(max_examples=100, derandomize=True, deadline=None, database=None, phases=[Phase.generate])
def test_with_every_policy_on_the_ledger_stays_closed_and_each_limit_holds(case):
    outcome, design = fs.simulate(**case), case["design"]
    paths = outcome.recorded[0]
    where = paths[[PLACE_ROWS[place][0] for place in PLACES]]
    assert np.all(np.abs(where.sum(axis=0) - paths[step.ARRIVED]) <= 1e-9 * paths[step.ARRIVED] + 1e-12)
    assert np.all(where >= 0)
    sold = paths[step.PAID] + paths[step.PAID_LATE]
    assert sold[-1] <= design.stock * (1 + design.overbooking) * (1 + 1e-9)
    tokens = design.admit_burst + design.admit_rate * 900
    assert outcome.admissions <= tokens * (1 - case["buyers"].bot_share) * (1 + 1e-9)
    assert outcome.calls <= design.dispatch_rate * 900 * (1 + 1e-9)
    assert np.all(outcome.workers_up <= design.workers)
    assert np.all(outcome.own_limit >= 1)
    assert np.all((outcome.breaker == CLOSED) | (outcome.breaker == TRYING) | (outcome.breaker == OPEN))
    # How often calls were made, and how often each intent may be.
    assert outcome.calls <= outcome.admissions + outcome.retries + 1e-6
    answered = sold[-1] + outcome.declined
    assert outcome.retries <= RETRY_RESERVE + design.retry_budget * answered + np.diff(paths[step.CALLS]).max()
    assert outcome.double_charges + outcome.orphan_charges <= outcome.timed_out_calls
    assert outcome.worker_seconds <= design.workers * 900 * (1 + 1e-9)
