"""The front door as M/M/c: latency against a sum over the states, its limits, and quantiles over a whole drop."""

import math

import numpy as np
import pytest
from helpers import changed, steady
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gamma, poisson

import flashsale_lib as fs
from flashsale_lib.model import door
from flashsale_lib.model.pieces import HIGHEST_LOAD, LOAD_BINS

STABLE = dict(derandomize=True, deadline=None, database=None, max_examples=150)
INF = math.inf


def states(c, load, last=40_000):
    """Probabilities of 0, 1, ... requests at an M/M/c station, from the balance of each state with the next."""
    n = np.arange(1, last)
    logs = np.concatenate(([0.0], np.cumsum(np.log(load * c / np.minimum(n, c)))))
    p = np.exp(logs - logs.max())
    return p / p.sum()


def sojourn_tail(t, c, load, service):
    """P(T > t), state by state: behind n >= c requests the wait is Erlang of n - c + 1 stages at c/service."""
    p = states(c, load)
    ahead = np.arange(len(p)) - c + 1
    late = np.flatnonzero((p > 1e-18) & (ahead > 0))
    tail = p[:c].sum() * math.exp(-t / service)
    # Wait of k stages, then service: P = P(wait > t) + integral over the wait's density of e^(-(t - w)/service).
    w = np.linspace(0, t, 20_001)
    for n in late:
        wait = gamma(ahead[n], scale=service / c)
        then = np.trapezoid(wait.pdf(w) * np.exp(-(t - w) / service), w) if t else 0.0
        tail += p[n] * (wait.sf(t) + then)
    return tail


@pytest.mark.parametrize(("c", "load"), [(1, 0.3), (1, 0.8), (3, 0.5), (3, 0.9), (10, 0.7), (50, 0.6)])
def test_tail_is_the_sojourn_time_of_m_m_c_state_by_state(c, load):
    service = 0.02
    waits = door.wait_probability(float(c), np.array(load))
    rate = door.wait_rate(float(c), service, np.array(load))
    assert waits == pytest.approx(states(c, load)[c:].sum(), rel=1e-9)
    for t in (0.0, 0.004, 0.02, 0.07):
        got = door.latency_tail(np.array(t), waits, rate, np.array(service))
        assert got == pytest.approx(sojourn_tail(t, c, load, service), abs=1e-6)  # trapezoids of 1/20,000


def test_one_server_answers_in_exponential_time():
    """M/M/1: the sojourn is exponential at mu - lambda; here two exponentials of the tail have to cancel."""
    t = np.linspace(0, 1, 11)
    for load in (0.0, 0.2, 0.5, 0.9, HIGHEST_LOAD):
        waits, rate = door.wait_probability(1.0, np.array(load)), door.wait_rate(1.0, 0.05, np.array(load))
        tail = door.latency_tail(t, waits, rate, np.array(0.05))
        assert tail == pytest.approx(np.exp(-(1 - load) / 0.05 * t), rel=1e-7)  # at load 0: 0/0, solved a hair aside


def test_tail_where_waiting_and_serving_go_at_the_same_rate():
    """theta = nu: the limit is (1 + C nu t) e^(-nu t). Two servers, half busy."""
    t = np.array([0.0, 0.5, 1.0, 4.0])
    waits, rate = door.wait_probability(2.0, np.array(0.5)), door.wait_rate(2.0, 1.0, np.array(0.5))
    assert (waits, rate) == (pytest.approx(1 / 3, rel=1e-12), 1.0)
    assert door.latency_tail(t, waits, rate, np.array(1.0)) == pytest.approx((1 + waits * t) * np.exp(-t), rel=1e-12)
    near = door.latency_tail(t, waits, rate * (1 + 1e-5), np.array(1.0))
    assert near == pytest.approx((1 + waits * t) * np.exp(-t), rel=3e-5)


def test_instant_service_leaves_only_the_wait():
    tail = door.latency_tail(np.array([0.01, 0.1]), np.array(0.5), np.array(10.0), np.array(0.0))
    assert tail == pytest.approx(0.5 * np.exp([-0.1, -1.0]), rel=1e-6)


@given(st.integers(1, 200), st.floats(0, 1.2), st.floats(0, 1), st.floats(1e-4, 1), st.floats(0, 30), st.floats(0, 5))
@settings(**STABLE)
def test_latency_rises_with_load_and_delay_and_falls_with_servers(c, load, more, service, delay, t):
    def tail(c, load):
        waits, rate = door.wait_probability(float(c), np.array(load)), door.wait_rate(float(c), service, np.array(load))
        return float(door.latency_tail(np.array(t * service), waits, rate, np.array(service)))

    def mean(c, load, delay):
        return float(door.mean_latency(float(c), np.array(service), np.array(load), np.array(delay)))

    # theta = nu: see the test above
    here = tail(c, load)
    assert -1e-12 <= here <= 1 + 1e-12
    assert here <= tail(c, load + more) + 1e-7 and here >= tail(c + 1, load) - 1e-7
    assert mean(c, load, delay) <= mean(c, load + more, delay) * (1 + 1e-12)
    assert mean(c, load, delay) >= mean(c + 1, load, delay) * (1 - 1e-12)
    assert mean(c, load, delay + 1) == pytest.approx(mean(c, load, delay) + 1)
    assert mean(c, load, 0.0) >= service


@pytest.mark.parametrize(("c", "load"), [(1, 0.8), (3, 0.9), (50, 0.95)])
def test_mean_latency_obeys_littles_law(c, load):
    """Requests there on average, over the rate at which they come."""
    p = states(c, load)
    mean = door.mean_latency(float(c), np.array(0.02), np.array(load), np.array(0.0))
    assert mean == pytest.approx((p @ np.arange(len(p))) / (load * c / 0.02), rel=1e-9)


def test_beyond_the_highest_load_the_formula_is_cut():
    at = [door.mean_latency(8.0, np.array(0.02), np.array(x), np.array(1.0)) for x in (HIGHEST_LOAD, 1.0, 7.0)]
    assert at[0] == at[1] == at[2]
    assert at[0] == pytest.approx(1 + 0.02 + states(8, 0.99)[8:].sum() * 0.02 / (8 * 0.01), rel=1e-6)


def test_bins_stand_in_the_middle():
    load, waits = door._bins(4.0)
    edges = -np.expm1(math.log(1 - HIGHEST_LOAD) * np.arange(LOAD_BINS + 1) / LOAD_BINS)
    assert np.all((load > edges[:-1]) & (load < edges[1:]))
    assert np.log1p(-load) == pytest.approx(0.5 * (np.log1p(-edges[1:]) + np.log1p(-edges[:-1])))
    assert waits == pytest.approx(door.wait_probability(4.0, load))


# ---- quantiles over a drop -----------------------------------------------------------------------------------------

Q = np.array([0.05, 0.5, 0.95, 0.99])
EDGES = np.concatenate(([0.0], np.geomspace(0.01, 900, 50)))


def quantiles(counts, c=4.0, service=0.02, refusal=1.0, admitted=1.0, q=Q):
    rows = np.atleast_2d(counts)
    each = [np.full(len(rows), float(x)) for x in (c, service, refusal, admitted)]
    return door.latency_quantiles(*each, rows.astype(np.float32), EDGES, q)


def met(load_bins=(), delays=()):
    counts = np.zeros(LOAD_BINS + len(EDGES) - 1)
    for place, n in load_bins:
        counts[place] += n
    for place, n in delays:
        counts[LOAD_BINS + place] += n
    return counts


def tail(t, i, c=4.0, mean=0.02, service=0.02):
    """P(answer later than t) in load bin i: the wait is that of the mean request, the service the answer's own."""
    load = -np.expm1(math.log(1 - HIGHEST_LOAD) * (i + 0.5) / LOAD_BINS)
    p = states(int(c), load)[int(c) :].sum()
    theta, nu = c * (1 - load) / mean, 1 / service
    return (1 - p) * np.exp(-nu * t) + p * (theta * np.exp(-nu * t) - nu * np.exp(-theta * t)) / (theta - nu)


def test_quantiles_of_one_load_and_of_a_mixture_invert_the_tail():
    for counts in (met([(140, 5)]), met([(20, 5)])):
        (got,) = quantiles(counts)
        assert 1 - tail(got, int(np.flatnonzero(counts)[0])) == pytest.approx(Q, abs=1e-6)
    (got,) = quantiles(met([(20, 30), (180, 10)]))
    assert 1 - 0.75 * tail(got, 20) - 0.25 * tail(got, 180) == pytest.approx(Q, abs=1e-6)


def test_the_search_reaches_the_slowest_answers():
    """One server at a load of 0.99: one in 10,000 waits 900 service times."""
    (got,) = quantiles(met([(LOAD_BINS - 1, 1)]), c=1.0, q=np.array([0.5, 0.9999]))
    assert got[1] > 800 * 0.02
    assert tail(got, LOAD_BINS - 1, c=1.0) == pytest.approx([0.5, 1e-4], rel=1e-4)


def test_refusals_are_answered_in_their_own_time():
    """A third is let in; a refusal takes half the work. They wait for the mean request: (1/3 + 2/3 * 0.5) * 0.02."""
    (got,) = quantiles(met([(150, 1)]), refusal=0.5, admitted=1 / 3)
    mean = 0.02 * (1 / 3 + 2 / 3 * 0.5)
    yes, no = tail(got, 150, mean=mean), tail(got, 150, mean=mean, service=0.01)
    assert 1 - yes / 3 - 2 * no / 3 == pytest.approx(Q, abs=1e-6)


def test_behind_a_backlog_everybody_waits_for_it_and_the_door_is_full():
    (got,) = quantiles(met(delays=[(30, 4)]))
    delay = 0.5 * (EDGES[30] + EDGES[31])
    p = states(4, HIGHEST_LOAD)[4:].sum()
    last = -np.expm1(math.log(1 - HIGHEST_LOAD) * (LOAD_BINS - 0.5) / LOAD_BINS)
    assert np.all(got > delay) and p > 0.95
    assert 1 - tail(got - delay, LOAD_BINS - 1) == pytest.approx(Q, abs=1e-6)
    assert last < HIGHEST_LOAD
    (mixed,) = quantiles(met([(20, 60)], [(30, 40)]))
    assert 1 - 0.6 * tail(mixed[:2], 20) - 0.4 == pytest.approx(Q[:2], abs=1e-6)  # the quick ones
    assert 1 - 0.4 * tail(mixed[2:] - delay, LOAD_BINS - 1) == pytest.approx(Q[2:], abs=1e-6)


def test_no_requests_no_quantile_and_each_row_its_own():
    rows = np.stack([met(), met([(140, 5)]), met(), met(delays=[(30, 4)])])
    got = quantiles(rows)
    assert np.isnan(got[[0, 2]]).all()
    assert got[1] == pytest.approx(quantiles(rows[1])[0], abs=1e-9)
    assert got[3] == pytest.approx(quantiles(rows[3])[0], abs=1e-9)
    many = quantiles(np.concatenate([np.zeros((250, rows.shape[1])), np.repeat(rows[1:2], 260, axis=0)]))
    assert np.isnan(many[:250]).all()  # a block in which nobody asked
    assert many[250:] == pytest.approx(np.broadcast_to(got[1], (260, 4)), abs=1e-9)


def test_quantiles_rise_with_load_and_with_the_backlog():
    by_load = quantiles(np.stack([met([(i, 1)]) for i in range(0, LOAD_BINS, 20)]))
    assert np.all(np.diff(by_load, axis=0) >= -1e-9) and np.all(np.diff(by_load, axis=1) > 0)
    by_delay = quantiles(np.stack([met(delays=[(i, 1)]) for i in range(0, 50, 7)]))
    assert np.all(np.diff(by_delay, axis=0) > 0)
    by_servers = np.concatenate([quantiles(met([(170, 1)]), c=c) for c in (1, 2, 8, 50)])
    assert np.all(np.diff(by_servers, axis=0) <= 1e-9)


# ---- in the simulation ---------------------------------------------------------------------------------------------


def test_a_busy_door_in_the_simulation_is_m_m_c():
    """200 requests/s of 20 ms at 5 servers: load 0.8, erlang_c(5, 4) = 0.554, wait 0.554 * 0.02/(5 * 0.2)."""
    design = changed(fs.Design.unlimited(), door_servers=5, door_time=0.02)
    outcome = fs.simulate(design, demand=steady(200, 120))
    b = poisson.pmf(5, 4) / poisson.cdf(5, 4)  # Erlang B
    c = b / (1 - 0.8 * (1 - b))
    assert outcome.accept_latency[1:] == pytest.approx(0.02 + c * 0.02 / (5 * 0.2), rel=1e-9)
    got = outcome.accept_quantile(Q)
    theta, nu = 5 * 0.2 / 0.02, 50.0
    tail = (1 + c * nu * got) * np.exp(-nu * got)  # theta = nu here
    assert theta == pytest.approx(nu)
    assert 1 - tail == pytest.approx(Q, abs=0.003)  # bins of load


def test_an_overrun_door_in_the_simulation_falls_behind_in_a_straight_line():
    """Twice what it can do, for a minute: after it the backlog is worth a minute, and a request a second late waits so."""
    design = changed(fs.Design.unlimited(), door_servers=5, door_time=0.05)
    outcome = fs.simulate(design, demand=steady(200, 60))
    assert outcome.door_delay[-1] == pytest.approx(60 * (200 * 0.05 - 5) / 5, rel=1e-9)
    assert outcome.door_delay == pytest.approx(outcome.time, abs=1e-9)
    assert outcome.accept_quantile([0.25, 0.5, 0.75]) == pytest.approx(
        [15, 30, 45], abs=2.5
    )  # Erlang C's own wait: 1 s
