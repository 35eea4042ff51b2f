"""Quantiles by hand, against numpy's on drawn samples, and against closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flashsale_lib import ParameterError
from flashsale_lib.model.quantiles import from_bins, of_calls, of_distribution, shaped, share

STABLE = dict(derandomize=True, deadline=None, database=None, max_examples=200)
Q = np.array([0.0, 0.1, 0.5, 0.9, 0.99])


def test_shares_are_checked_and_floats():
    assert share([0, 1]).tolist() == [0.0, 1.0]
    assert share(0.5).dtype == np.float64
    for bad in (-1e-9, 1 + 1e-9, math.nan, "0.5", True, None):
        with pytest.raises(ParameterError, match=r"must be a share from 0 to 1; for the 95th percentile pass 0\.95"):
            share(bad)


def test_shapes():
    assert shaped([np.array([1.5])], (), np.array(0.5)) == 1.5
    assert type(shaped([np.array([1.5])], (), np.array(0.5))) is float
    assert shaped([np.array([1.0, 2.0])] * 6, (2, 3), np.array([0.1, 0.9])).shape == (2, 3, 2)


# ---- from bins -----------------------------------------------------------------------------------------------------


def bins(counts, edges, q, longest=math.inf):
    return from_bins(np.array(counts), longest, np.array(edges, dtype=float), np.array(q, dtype=float)).tolist()


def test_bins_by_hand():
    edges = [0, 1, 2, 4, 8]
    # Half of them waited for nothing; ten each between 1 and 2 and between 4 and 8.
    counts = [20, 10, 0, 10]
    assert bins(counts, edges, [0, 0.25, 0.5]) == [0, 0, 0]
    assert bins(counts, edges, [0.625, 0.75, 0.875, 1]) == [1.5, 2, 6, 8]
    assert bins([0, 1, 0, 0], edges, [0.5, 1]) == [1.5, 2]  # an empty first bin is no wait of nobody
    assert bins([0, 0, 4, 4], edges, [0.25, 0.75]) == [3, 6]
    assert bins(np.array([0, 0, 0, 5], dtype=np.float32), edges, 0.5) == [6]
    assert bins(counts, edges, [0.625, 0.875, 1], longest=5) == [1.5, 5, 5]  # nobody waited longer


def test_nobody_has_no_quantile():
    assert np.isnan(bins([0, 0, 0], [0, 1, 2, 3], [0.1, 0.9])).all()


@given(st.lists(st.integers(0, 20), min_size=2, max_size=12).filter(any), st.floats(0, 1), st.floats(0, 1))
@settings(**STABLE)
def test_bins_rise_with_q_and_lie_where_the_people_are(counts, a, b):
    edges = np.concatenate(([0.0], np.geomspace(1, 100, len(counts))))
    low, high = bins(counts, edges, sorted((a, b)))
    assert low <= high
    people = np.repeat(np.arange(len(counts)), counts)
    for q, got in ((min(a, b), low), (max(a, b), high)):
        bin_ = people[min(len(people) - 1, max(0, math.ceil(q * len(people) - 1e-9) - 1))]
        if bin_ == 0 or q == 0:
            assert got == 0  # P(T <= 0) >= 0 holds whoever waits
        else:
            assert edges[bin_] - 1e-9 <= got <= edges[bin_ + 1] + 1e-9


# ---- of a distribution ---------------------------------------------------------------------------------------------


def test_bisection_finds_the_smallest_t():
    got = of_distribution(lambda t: -np.expm1(-t), 60.0, Q)
    assert got == pytest.approx(-np.log1p(-Q), rel=1e-12, abs=1e-12)
    step = of_distribution(lambda t: np.where(t >= 2.0, 1.0, 0.0), 8.0, Q[1:])  # everybody takes 2 s
    assert step == pytest.approx([2.0] * 4, rel=1e-12)


def test_bisection_of_several_rows_at_once():
    mean = np.array([[1.0], [3.0]])
    got = of_distribution(lambda t: -np.expm1(-t / mean), 60.0 * mean, Q)
    assert got == pytest.approx(-np.log1p(-Q) * mean, rel=1e-12, abs=1e-12)
    coarse = of_distribution(lambda t: -np.expm1(-t / mean), 64.0 * mean, Q, halvings=10)
    error = coarse - got
    assert np.all((error >= 0) & (error <= 64.0 * mean / 2**10 * (1 + 1e-12)))  # the upper end: at least q are done
    assert error.max() > 64.0 / 2**12


# ---- of calls ------------------------------------------------------------------------------------------------------


def calls(weight, wait, response, refused=0.0, timeout=math.inf, error_time=0.1, q=Q):
    weight, wait, response, refused = np.broadcast_arrays(
        *(np.asarray(x, float) for x in (weight, wait, response, refused))
    )
    return of_calls(weight.ravel(), wait.ravel(), response.ravel(), refused.ravel(), timeout, error_time, np.asarray(q))


def test_one_kind_of_call_by_hand():
    assert calls([1.0], [5.0], [2.0])[1:] == pytest.approx(5 - 2 * np.log1p(-Q[1:]), rel=1e-12)
    assert calls([1.0], [5.0], [2.0], timeout=1.0)[2:] == pytest.approx([6.0] * 3, rel=1e-12)  # P(call < 1) = 0.39
    assert calls([3.0], [5.0], [2.0], refused=1.0)[1:] == pytest.approx(5 - 0.1 * np.log1p(-Q[1:]), rel=1e-12)
    assert calls([3.0], [5.0], [2.0], refused=1.0, error_time=50.0)[-1] == pytest.approx(
        5 + 50 * math.log(100), rel=1e-9
    )


def test_the_last_ones_wait_longest_even_where_most_wait_for_nothing():
    got = calls([9.0, 1.0], [0.0, 1000.0], [1.0, 1.0], timeout=1.0, error_time=0.01, q=[0.5, 0.89, 0.95])
    assert got == pytest.approx([-math.log(1 - 5 / 9), 1.0, 1000 + math.log(2)], rel=1e-9)


def test_weights_of_nobody_count_for_nothing():
    assert np.isnan(calls([0.0, 0.0], [1.0, 2.0], [1.0, 1.0])).all()
    one = calls([2.0, 0.0], [5.0, 1e6], [2.0, 1e6])
    assert one == pytest.approx(calls([1.0], [5.0], [2.0]), rel=1e-12)


def test_mixtures_against_a_drawn_sample():
    random = np.random.default_rng(11)
    weight, wait, response, refused = [1.0, 2.0, 1.0], [0.0, 3.0, 8.0], [1.0, 0.5, 4.0], [0.3, 0.0, 0.1]
    n = 400_000
    row = random.choice(3, n, p=np.array(weight) / 4)
    call = np.minimum(random.exponential(np.array(response)[row]), 2.5)
    call = np.where(random.random(n) < np.array(refused)[row], random.exponential(0.2, n), call)
    drawn = np.quantile(np.array(wait)[row] + call, Q[1:])
    got = calls(weight, wait, response, refused, timeout=2.5, error_time=0.2)
    assert got[1:] == pytest.approx(drawn, rel=0.01)  # three standard errors of a quantile of 400,000


@given(st.floats(0.01, 5), st.floats(0, 50), st.floats(0.1, 10), st.floats(0, 1), st.floats(1, 3))
@settings(**STABLE)
def test_latency_rises_with_wait_response_and_timeout(response, wait, timeout, refused, factor):
    weight, waits, responses = [1.0, 1.0], [wait, wait / 2], [response, response * 2]
    base = calls(weight, waits, responses, refused, timeout)
    for more in (
        calls(weight, np.add(waits, factor), responses, refused, timeout),
        calls(weight, waits, np.multiply(responses, factor), refused, timeout),
        calls(weight, waits, responses, refused, timeout * factor),
    ):
        assert np.all(more >= base * (1 - 1e-9) - 1e-9)
    assert np.all(np.diff(base) >= 0)
