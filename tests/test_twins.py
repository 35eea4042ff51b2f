"""The twin's interface: seeds, replications, executors, and drops whose end is certain although every buyer is drawn.

Whether it agrees with the engine is another file's business (validation.py).
"""

import copy
import math
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from helpers import PLACES, PLAIN, STEADFAST, changed, steady

import flashsale_lib as fs

INF = math.inf
SMALL = dict(design=fs.Design(workers=8, queue_limit=40), demand=steady(12, 50))
"""Six hundred buyers, a full queue, people who leave, come back and are declined."""
OPEN = fs.Design.unlimited(workers=10_000, timeout=INF)
INSTANT = changed(PLAIN, service_time=1e-6, error_time=1e-6)
"""A gateway that answers within microseconds: no call is under way when the window closes, but once in 10,000 runs."""
WORLDS = {
    "small": SMALL,
    "collapse": dict(design=fs.Design.unlimited(workers=60, timeout=2, attempts=2, backoff=1), demand=steady(40, 60),
                     gateway=fs.PaymentGateway(coherency=0.01, call_limit=80)),
    "late charges": dict(design=fs.Design.unlimited(workers=5, skip_stale=False), demand=steady(20, 60),
                         buyers=fs.Buyers(patience=10)),
}  # fmt: skip


def same(one, two):
    assert (one.seed, one.totals) == (two.seed, two.totals)
    for name in ("waits", "latencies", "accept_latencies", "time", "queue", "in_flight"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name


# --- seeds and replications -----------------------------------------------------------------------------------------


def test_a_seed_reproduces_the_drop():
    same(fs.twin(**SMALL, seed=7), fs.twin(**SMALL, seed=7))
    assert fs.twin(**SMALL, seed=7).totals != fs.twin(**SMALL, seed=8).totals
    same(fs.twin(**SMALL), fs.twin(**SMALL, seed=0))


def test_each_replication_takes_the_next_seed():
    outcomes = fs.twin(**SMALL, seed=5, replications=3)
    assert [outcome.seed for outcome in outcomes] == [5, 6, 7]
    for outcome in outcomes:
        same(outcome, fs.twin(**SMALL, seed=outcome.seed))
    assert len(fs.twin(**SMALL, replications=1)) == 1, "a list, even of one"


@pytest.mark.parametrize("replications", [0, -3])
def test_no_replications_are_refused(replications):
    with pytest.raises(fs.ParameterError, match=f"replications is {replications}: must be at least 1; pass None"):
        fs.twin(**SMALL, replications=replications)


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_an_executor_changes_nothing(kind):
    here = fs.twin(**SMALL, seed=2, replications=4)
    pool = ThreadPoolExecutor(2) if kind == "threads" else ProcessPoolExecutor(2, mp_context=get_context("spawn"))
    with pool:
        there = fs.twin(**SMALL, seed=2, replications=4, executor=pool)
    assert len(there) == 4
    for one, two in zip(here, there, strict=True):
        same(one, two)


@pytest.mark.parametrize(
    "arrays",
    [
        dict(design=fs.Design(workers=[10, 20])),
        dict(buyers=fs.Buyers(patience=[10, 20])),
        dict(gateway=fs.PaymentGateway(error_rate=[0.1, 0.2])),
        dict(gateway=fs.PaymentGateway().brownout([1, 2], 3, 0.5)),
        dict(demand=steady(10, 60).scaled([1, 2])),
    ],
)
def test_arrays_are_refused(arrays):
    with pytest.raises(fs.ParameterError, match="the twin plays one scenario, not 2: pass scalars, or loop over them"):
        fs.twin(**arrays)


# --- what comes out -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", WORLDS)
def test_the_ledger_is_closed_in_every_replication(world):
    for outcome in fs.twin(**WORLDS[world], replications=4):
        counts = [outcome.totals[place] for place in PLACES]
        assert sum(counts) == outcome.arrived
        assert all(isinstance(count, int) and count >= 0 for count in counts), "buyers are whole"
        assert outcome.admissions <= outcome.requests
        assert outcome.requests >= outcome.arrived


@pytest.mark.parametrize("world", WORLDS)
def test_totals_are_those_of_an_outcome(world):
    """Whoever can read one can read the other."""
    outcome = fs.twin(**WORLDS[world])
    fluid = fs.simulate(**WORLDS[world], record=False)
    for name, value in outcome.totals.items():
        assert getattr(outcome, name) == value
        assert np.ndim(getattr(fluid, name)) == 0, name
    assert {*PLACES, "arrived", "requests", "admissions", "calls", "retries", "max_queue", "max_in_flight"} <= {
        *outcome.totals
    }


def test_samples_are_one_per_second():
    outcome = fs.twin(**SMALL)
    assert outcome.time.tolist() == list(range(50))
    assert outcome.queue.shape == outcome.in_flight.shape == (50,)
    assert outcome.queue[0] == outcome.in_flight[0] == 0
    assert 0 < outcome.queue.max() <= outcome.max_queue
    assert 0 < outcome.in_flight.max() <= outcome.max_in_flight <= 8
    later = fs.twin(SMALL["design"], demand=fs.Demand([1000, 1050], [12, 12]))
    assert later.time.tolist() == list(range(1000, 1050))
    assert later.totals == pytest.approx(outcome.totals, rel=1e-12), "a window that opens later is the same window"


def test_individual_times():
    outcome = fs.twin(**SMALL)
    assert len(outcome.accept_latencies) == outcome.requests
    assert outcome.accept_latencies.min() > 0
    assert outcome.waits.min() >= 0 and outcome.waits.max() <= 50
    assert len(outcome.latencies) <= len(outcome.waits) <= outcome.admissions
    assert outcome.latencies.max() <= outcome.waits.max() + 10, "a first call ends by its timeout"


def test_quantiles_are_those_of_the_individual_times():
    outcome = fs.twin(**SMALL)
    for q in (0.0, 0.5, 0.95, 1.0):
        assert outcome.wait_quantile(q) == np.quantile(outcome.waits, q)
        assert outcome.latency_quantile(q) == np.quantile(outcome.latencies, q)
        assert outcome.accept_quantile(q) == np.quantile(outcome.accept_latencies, q)
    assert isinstance(outcome.wait_quantile(0.5), float)


def test_an_unknown_total_is_named():
    outcome = fs.twin(**SMALL)
    with pytest.raises(AttributeError, match="a TwinOutcome has no 'sold'; its totals are paid, paid_late"):
        _ = outcome.sold


def test_an_outcome_survives_pickling():
    outcome = fs.twin(**SMALL)
    same(pickle.loads(pickle.dumps(outcome)), outcome)
    same(copy.copy(outcome), outcome)


# --- certain ends ---------------------------------------------------------------------------------------------------


def test_nobody_comes():
    outcome = fs.twin(demand=fs.Demand([0, 60], [0, 0]))
    silent = {name: value for name, value in outcome.totals.items() if value}
    assert silent == {"worker_seconds": 150 * 60}, "nothing happens, and the workers are paid for"
    assert math.isnan(outcome.wait_quantile(0.5))
    assert math.isnan(outcome.latency_quantile(0.5))
    assert math.isnan(outcome.accept_quantile(0.5))


def everybody(outcome, place, **more):
    """All who arrived are in one place; the other totals as given."""
    assert outcome.arrived > 500, "a Poisson count with mean 1,000"
    expected = {**dict.fromkeys(PLACES, 0), place: outcome.arrived, **more}
    assert {name: outcome.totals[name] for name in expected} == expected


CROWD = dict(demand=fs.Demand([0, 10, 10, 20], [100, 100, 0, 0]))
"""A thousand buyers in the first half, and nobody in the second."""


def test_everybody_pays_at_a_gateway_that_answers_at_once():
    outcome = fs.twin(OPEN, gateway=INSTANT, buyers=STEADFAST, **CROWD)
    n = outcome.arrived
    everybody(outcome, "paid", calls=n, admissions=n, requests=n, retries=0, refused_calls=0, timed_out_calls=0)
    assert outcome.waits.tolist() == [0] * n


def test_workers_without_a_limit():
    outcome, many = (fs.twin(design, buyers=STEADFAST, **CROWD) for design in (changed(OPEN, workers=INF), OPEN))
    paid_for = outcome.totals.pop("worker_seconds"), many.totals.pop("worker_seconds")
    assert paid_for == (outcome.busy_seconds, 10_000 * 20)
    same(outcome, many)


def test_everybody_is_declined():
    outcome = fs.twin(OPEN, gateway=changed(INSTANT, decline_rate=1), buyers=STEADFAST, **CROWD)
    everybody(outcome, "declined", calls=outcome.arrived, retries=0)


@pytest.mark.parametrize("attempts", [1, 3])
def test_everybody_fails_after_every_attempt(attempts):
    design = changed(OPEN, attempts=attempts, backoff=0)
    outcome = fs.twin(design, gateway=changed(INSTANT, error_rate=1), buyers=STEADFAST, **CROWD)
    n = outcome.arrived
    everybody(outcome, "dead_lettered", calls=attempts * n, retries=(attempts - 1) * n, orphan_charges=0)


def test_a_dead_gateway_times_out_to_the_second():
    design = fs.Design.unlimited(workers=10_000, timeout=3, attempts=1)
    dead = fs.PaymentGateway(call_limit=INF).brownout(0, 20, 0)
    outcome = fs.twin(design, gateway=dead, buyers=STEADFAST, **CROWD)
    n = outcome.arrived
    everybody(outcome, "dead_lettered", calls=n, timed_out_calls=n, max_in_flight=n)
    assert outcome.latencies == pytest.approx(np.full(n, 3.0), rel=1e-12)  # the clock is added up in floats


def test_a_gateway_beyond_its_limit_refuses():
    dead = fs.PaymentGateway(call_limit=50).brownout(0, 20, 0)
    outcome = fs.twin(changed(OPEN, attempts=1), gateway=dead, buyers=STEADFAST, **CROWD)
    assert outcome.at_gateway == outcome.max_in_flight == 50
    assert outcome.dead_lettered == outcome.refused_calls == outcome.arrived - 50


def test_everybody_waits_where_nobody_works():
    outcome = fs.twin(changed(OPEN, workers=0), buyers=STEADFAST, **CROWD)
    n = outcome.arrived
    everybody(outcome, "queued", calls=0, max_queue=n, admissions=n)
    assert len(outcome.waits) == n
    assert outcome.waits.min() >= 10 and outcome.waits.max() <= 20, "the wait so far: they came in the first 10 s"
    assert outcome.queue[-1] == n


def test_everybody_gives_up_who_has_no_patience():
    outcome = fs.twin(changed(OPEN, workers=0), buyers=changed(STEADFAST, patience=1e-3), **CROWD)
    everybody(outcome, "gave_up", calls=0)
    assert outcome.waits.size == 0, "nobody got there, nobody waits still"


def test_a_closed_door():
    closed = fs.Design(admit_rate=0, admit_burst=0)
    everybody(fs.twin(closed, buyers=STEADFAST, **CROWD), "turned_away", admissions=0, calls=0)
    stubborn = fs.Buyers(reload_probability=1, reload_delay=5)
    everybody(again := fs.twin(closed, buyers=stubborn, **CROWD), "reloading", admissions=0, calls=0)
    assert again.requests > 2 * again.arrived


def test_stock_is_sold_to_the_last_and_not_beyond():
    outcome = fs.twin(changed(OPEN, stock=137), gateway=INSTANT, buyers=STEADFAST, **CROWD)
    assert outcome.paid == 137
    assert outcome.turned_away == outcome.arrived - 137


def test_tokens_are_handed_out_one_by_one():
    """A burst of 30, then 5 per second for 10 s: 80 buyers, give or take the one whose token is not full yet."""
    outcome = fs.twin(changed(OPEN, admit_rate=5, admit_burst=30), gateway=INSTANT, buyers=STEADFAST, **CROWD)
    assert outcome.paid == outcome.admissions in (79, 80)


def test_the_queue_holds_its_limit():
    outcome = fs.twin(changed(OPEN, workers=0, queue_limit=40), buyers=STEADFAST, **CROWD)
    assert outcome.queued == outcome.max_queue == 40
    assert outcome.turned_away == outcome.arrived - 40
