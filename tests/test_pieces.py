"""The small laws of the step, each against its closed form, its limits, or a sum done by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from flashsale_lib.model import pieces
from flashsale_lib.model.pieces import (
    HIGHEST_LOAD,
    LEAST_HEALTH,
    LOAD_BINS,
    fifo_wait,
    load_bin,
    mean_health,
    relax,
    response_time,
    timeout_hazard,
    wait_bin,
    zeros,
)

STABLE = dict(derandomize=True, deadline=None, database=None, max_examples=200)


# ---- relax ---------------------------------------------------------------------------------------------------------


def test_one_step_of_a_compartment_by_hand():
    stays, settles = relax(math.log(2.0), 1.0)  # half of it leaves in a second
    assert (stays, settles) == (pytest.approx(0.5, rel=1e-15), pytest.approx(0.5 / math.log(2.0), rel=1e-15))
    assert relax(0.0, 0.25) == (1.0, 0.25)
    assert relax(1e9, 0.25) == (0.0, 1e-9)


@pytest.mark.parametrize("x", [1e-300, 1e-12, 9.99e-9, 1.01e-8, 1e-4, 0.1, 1.0, 30.0])
@pytest.mark.parametrize("dt", [0.001, 0.25, 10.0])
def test_a_compartment_is_solved_exactly_on_both_sides_of_the_series(x, dt):
    stays, settles = relax(x / dt, dt)
    assert stays == pytest.approx(math.exp(-x), rel=1e-15 * max(1.0, x))
    assert settles == pytest.approx(dt * -math.expm1(-x) / x, rel=1e-15)


@given(st.floats(0, 1e6), st.floats(1e-3, 10.0))
@settings(**STABLE)
def test_two_half_steps_are_one_step_and_nothing_is_lost(rate, dt):
    stays, settles = relax(rate, dt)
    half_stays, half_settles = relax(rate, dt / 2)
    assert half_stays * half_stays == pytest.approx(stays, abs=1e-15)
    assert half_settles * (1 + half_stays) == pytest.approx(settles, rel=1e-12)
    assert stays + rate * settles == pytest.approx(1.0, rel=1e-12)  # what does not stay has left
    assert 0 <= stays <= 1 and 0 < settles <= dt


# ---- the gateway ---------------------------------------------------------------------------------------------------


def test_response_time_by_hand():
    # 0.8 s * (1 + 0.002 * 100 + 0.00004 * 101 * 100)
    assert response_time(101.0, 0.8, 0.002, 0.00004) == pytest.approx(0.8 * (1 + 0.2 + 0.404), rel=1e-15)
    assert response_time(1.0, 0.8, 0.5, 0.5) == response_time(0.3, 0.8, 0.5, 0.5) == 0.8  # nobody else is there


def test_hazard_of_a_timeout_by_hand_and_in_its_limits():
    assert timeout_hazard(math.log(2.0), 1.0) == pytest.approx(math.log(2.0), rel=1e-15)  # e^x - 1 = 1
    assert timeout_hazard(1.0, math.inf) == timeout_hazard(1.0, 700.1) == 0.0
    assert 0.0 < timeout_hazard(1.0, 699.9) < 1e-300
    assert timeout_hazard(1e-13, 2.0) == 0.5  # a dead gateway: everybody leaves at the age of the timeout
    assert timeout_hazard(1e-12, 2.0) == pytest.approx(0.5, rel=1e-11)


@pytest.mark.parametrize(("mu", "timeout"), [(1.25, 10.0), (1.25, 0.1), (0.01, 10.0), (20.0, 3.0)])
def test_in_steady_state_the_hazard_abandons_just_the_calls_that_outlast_the_timeout(mu, timeout):
    """Of a steady stream a share exp(-mu*tau) reaches the age tau; those under way are the integral of exp(-mu*s)."""
    under_way, _ = quad(lambda age: math.exp(-mu * age), 0, timeout, epsabs=0, epsrel=1e-12)
    assert timeout_hazard(mu, timeout) * under_way == pytest.approx(math.exp(-mu * timeout), rel=1e-10)


@given(st.floats(1e-6, 1e3), st.floats(1e-6, 1e3), st.floats(1.0, 2.0))
@settings(**STABLE)
def test_a_longer_timeout_or_a_faster_gateway_abandons_less(mu, timeout, factor):
    hazard = timeout_hazard(mu, timeout)
    assert 0 <= hazard <= 1 / timeout * (1 + 1e-12)
    assert timeout_hazard(mu, timeout * factor) <= hazard * (1 + 1e-12)
    assert timeout_hazard(mu * factor, timeout) <= hazard * (1 + 1e-9)


def test_health_is_averaged_over_the_step():
    one = ([10.0], [12.0], [0.2])
    assert mean_health(9.0, 1.0, *one) == 1.0  # ends where the brownout begins
    assert mean_health(12.0, 1.0, *one) == 1.0
    assert mean_health(10.5, 1.0, *one) == pytest.approx(0.2)
    assert mean_health(9.75, 1.0, *one) == pytest.approx(1 - 0.8 * 0.75)
    assert mean_health(11.5, 2.0, *one) == pytest.approx(1 - 0.8 * 0.25)
    assert mean_health(0.0, 100.0, *one) == pytest.approx(1 - 0.8 * 0.02)
    assert mean_health(0.0, 1.0, [], [], []) == 1.0


def test_brownouts_multiply_and_a_dead_gateway_stays_finite():
    assert mean_health(0.0, 1.0, [0.0, -5.0], [1.0, 5.0], [0.5, 0.3]) == pytest.approx(0.15)
    assert mean_health(0.0, 1.0, [-math.inf], [math.inf], [0.0]) == LEAST_HEALTH


# ---- bins ----------------------------------------------------------------------------------------------------------


def test_every_wait_lies_between_the_edges_of_its_bin():
    edges = np.concatenate(([0.0], np.geomspace(0.01, 900, 100)))
    growth = math.log(edges[2] / edges[1])
    for i in range(100):
        assert wait_bin(0.5 * (edges[i] + edges[i + 1]), edges, growth) == i
    assert (wait_bin(0.0, edges, growth), wait_bin(0.00999, edges, growth), wait_bin(0.01, edges, growth)) == (0, 0, 1)
    assert wait_bin(900.0, edges, growth) == wait_bin(1e9, edges, growth) == 99  # nobody falls off the end


def test_every_load_has_its_bin_evenly_in_the_logarithm_of_what_is_free():
    edges = -np.expm1(math.log1p(-HIGHEST_LOAD) * np.arange(LOAD_BINS + 1) / LOAD_BINS)
    assert edges[[0, LOAD_BINS // 2, -1]] == pytest.approx([0, 0.9, 0.99])  # 0.1 is the root of 0.01
    for i in range(LOAD_BINS):
        assert load_bin(0.5 * (edges[i] + edges[i + 1])) == i
    assert load_bin(0.0) == 0
    assert load_bin(HIGHEST_LOAD) == load_bin(np.nextafter(HIGHEST_LOAD, 0)) == load_bin(1.0) == LOAD_BINS - 1
    assert pieces.zeros(2) == [0.0, 0.0]


# ---- first in, first out -------------------------------------------------------------------------------------------


def waits(queue, dispatched, dt=1.0, leave_rate=0.0):
    wait = zeros(len(queue))
    fifo_wait(queue, dispatched, dt, leave_rate, *relax(leave_rate, dt), wait)
    return wait


def test_waits_by_hand():
    # Ten are ahead at the start; four a second are served: 2.5 s. Later six, then two are ahead.
    assert waits([10, 6, 2, 0], [0, 4, 8, 12]) == pytest.approx([2.5, 1.5, 0.5, 0.0])
    # Nobody is served in the third second, and nobody's turn comes in it.
    assert waits([6, 4, 2, 2, 0], [0, 2, 4, 4, 6]) == pytest.approx([4.0, 3.0, 2.0, 1.0, 0.0])
    # In half-second steps, and with more room than buyers.
    assert waits([3, 1, 0, 0], [0, 2, 3, 3], dt=0.5) == pytest.approx([1.0, 0.5, 0.0, 0.0])


def test_who_still_waits_at_the_end_counts_with_the_wait_so_far():
    assert waits([5, 5, 5], [0, 0, 0], dt=0.5) == [1.0, 0.5, 0.0]
    assert waits([8, 6, 9, 7], [0, 2, 4, 6]) == pytest.approx([3.0, 2.0, 1.0, 0.0])


def test_rounding_holds_nobody_back_once_the_queue_is_empty():
    third = 0.1 + 0.2  # 0.30000000000000004
    assert waits([third, 0.0, 0.0, 0.0], [0.0, 0.3, 0.3, 0.3])[0] == 1.0
    # The slack is a billionth of all that were dispatched; a millionth more buyers do wait.
    assert waits([1e6 + 1e-4, 0, 0], [0, 1e6, 1e6])[0] == 1.0
    assert waits([1e6 + 1.0, 1.0, 1.0], [0, 1e6, 1e6])[0] == 2.0


@pytest.mark.parametrize("leave_rate", [1e-6, 0.01, 0.3])
def test_with_buyers_leaving_the_wait_is_the_logarithm(leave_rate):
    """Q' = -theta Q - b is empty after log1p(theta Q/b)/theta: the wait behind Q at a steady dispatch rate b."""
    queue, rate, dt, steps = 50.0, 8.0, 0.25, 80
    t = dt * np.arange(steps + 1)
    left = np.maximum(0.0, (queue + rate / leave_rate) * np.exp(-leave_rate * t) - rate / leave_rate)
    empty = math.log1p(leave_rate * queue / rate) / leave_rate
    wait = np.array(waits(left.tolist(), (rate * t).tolist(), dt, leave_rate))
    assert wait[0] == pytest.approx(empty, rel=1e-9)
    assert wait == pytest.approx(np.maximum(empty - t, 0.0), abs=1e-7)


@pytest.mark.parametrize("leave_rate", [0.0, 0.05])
def test_waits_are_where_the_equation_is_met(leave_rate):
    """Any dispatch path: Q e^(-theta x) = integral of b(s) e^(-theta (x - s)) over the wait x, step by step."""
    random = np.random.default_rng(5)
    dt, steps = 0.5, 200
    joins, rate = random.uniform(0, 25, steps), random.uniform(0, 20, steps) * (random.random(steps) < 0.8)
    stays, settles = relax(leave_rate, dt)
    queue = [30.0]
    for k in range(steps):
        rate[k] = min(rate[k], queue[k] * stays / settles + joins[k])
        queue.append(queue[k] * stays + (joins[k] - rate[k]) * settles)
    dispatched = np.concatenate(([0.0], np.cumsum(rate * dt)))
    wait = waits(queue, dispatched.tolist(), dt, leave_rate)
    served = [k for k in range(steps + 1) if k * dt + wait[k] < steps * dt - 0.01]
    assert len(served) > 100
    assert max(wait) > 10
    for k in served:
        end = k * dt + wait[k]
        total = 0.0
        for i in range(k, steps):
            a, b = i * dt, min((i + 1) * dt, end)
            if b > a:
                fading, _ = quad(lambda s, end=end: math.exp(-leave_rate * (end - s)), a, b)
                total += rate[i] * fading
        assert total == pytest.approx(queue[k] * math.exp(-leave_rate * wait[k]), abs=3e-6)  # slack: 1e-9 of 2,000


def test_a_residue_of_rounding_waits_for_one_step_at_most():
    assert waits([5e-10, 0.0, 0.0], [0.0, 0.0, 0.0]) == [1.0, 0.0, 0.0]
