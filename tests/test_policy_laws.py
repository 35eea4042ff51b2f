"""The functions that policies are made of, by hand: each branch, each bound, each sign."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flashsale_lib.model.pieces import relax
from flashsale_lib.model.policies import (
    BREAKER_CALLS,
    CLOSED,
    FAILING,
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

INF = math.inf
STABLE = dict(derandomize=True, deadline=None, database=None, max_examples=200)


def test_the_numbers_behind_the_policies():
    """They are part of what the notebooks say: a change is a change of the model."""
    assert (CLOSED, TRYING, OPEN) == (0, 0.5, 1)
    assert (BREAKER_CALLS, FAILING, RETRY_RESERVE) == (20, 0.1, 100)


# ---- calls that can be started -----------------------------------------------------------------------------------


def test_calls_fill_the_free_workers_the_room_or_the_dispatch_rate():
    assert call_capacity(8.0, 100.0, 0.25, 0.1, INF) == (32.0, 0.0)  # 8 places, a quarter of a second settles each
    assert call_capacity(8.0, 100.0, 0.25, 0.1, 20.0) == (20.0, 0.0)
    assert call_capacity(-3.0, 100.0, 0.25, 0.1, INF) == (0.0, 0.0)
    assert call_capacity(INF, INF, 0.25, 0.1, INF) == (INF, 0.0)


def test_beyond_the_room_of_the_gateway_workers_make_calls_that_are_refused():
    # 4 taken per second hold 1 of the 8 workers; the other 7 make calls that last a tenth of a second each.
    assert call_capacity(8.0, 4.0, 0.25, 0.1, INF) == (4.0, pytest.approx(70.0))
    assert call_capacity(8.0, 4.0, 0.25, 0.1, 24.0) == (4.0, 20.0)  # the dispatch rate caps both together
    assert call_capacity(8.0, 4.0, 0.25, 0.1, 4.0) == (4.0, 0.0)
    assert call_capacity(1.0, 4.0, 0.25, 0.1, INF) == (4.0, 0.0)  # the room is just what the workers fill
    assert call_capacity(8.0, 0.0, 0.25, 0.1, INF) == (0.0, pytest.approx(80.0))


# ---- room in the queue -------------------------------------------------------------------------------------------


def scenario(**changes):
    return SimpleNamespace(**{"queue_limit": INF, "max_wait": INF, "dispatch_rate": INF, "call_limit": INF, **changes})


def room(queue, outflow, workers=10.0, release=2.0, settles=0.5, **changes):
    return queue_room(queue, settles, outflow, workers, release, scenario(**changes))


def test_room_of_a_queue_limit_by_hand():
    assert room(0.0, 0.0) == INF
    assert room(70.0, 3.0, queue_limit=100) == (100 - 70) / 0.5 + 3
    assert room(110.0, 30.0, queue_limit=100) == 10.0  # full, but 30 a second are leaving
    assert room(110.0, 5.0, queue_limit=100) == 0.0


def test_room_of_a_promise_by_hand():
    # Ten workers at two calls a second drain 20 buyers a second: a promise of 4 s is a queue of 80.
    assert room(70.0, 3.0, max_wait=4) == (80 - 70) / 0.5 + 3
    assert room(70.0, 3.0, max_wait=4, queue_limit=75) == (75 - 70) / 0.5 + 3
    assert room(70.0, 3.0, max_wait=4, queue_limit=1000) == (80 - 70) / 0.5 + 3
    assert room(30.0, 3.0, max_wait=4, dispatch_rate=9) == (36 - 30) / 0.5 + 3
    assert room(30.0, 3.0, max_wait=4, call_limit=5) == (40 - 30) / 0.5 + 3
    assert room(1e9, 3.0, max_wait=4, workers=INF) == INF  # nothing drains more slowly than it comes
    assert room(30.0, 3.0, max_wait=4, workers=INF, queue_limit=40) == (40 - 30) / 0.5 + 3
    assert room(0.0, 3.0, max_wait=0) == 3.0


# ---- stock, workers, AIMD ----------------------------------------------------------------------------------------


def test_room_in_the_stock_by_hand():
    stock = SimpleNamespace(stock=1000.0, overbooking=0.1)
    assert stock_room(600.0, 300.0, stock) == pytest.approx(400 * 1.1 - 300)
    assert stock_room(1000.0, 300.0, stock) == 0.0


def test_workers_by_hand():
    p = SimpleNamespace(workers=100.0, warm_workers=20.0, scale_rate=8.0)
    times = [0.0, 60.0, 90.0, 90.5, 95.0, 100.0, 1e6]
    assert [workers_called(t, 60.0, 30.0, p) for t in times] == [20, 20, 20, 24, 60, 100, 100]
    assert workers_called(1e6, INF, 30.0, p) == 20  # never called
    p.warm_workers = 100.0
    assert workers_called(95.0, 60.0, 30.0, p) == 100
    p.warm_workers = 400.0  # more warm than there are
    assert workers_called(0.0, 60.0, 30.0, p) == workers_called(95.0, 60.0, 30.0, p) == 100
    p.warm_workers, p.scale_rate = 20.0, INF
    assert workers_called(90.0, 60.0, 30.0, p) == 20
    assert workers_called(90.25, 60.0, 30.0, p) == 100


def test_the_own_limit_by_hand():
    p = SimpleNamespace(aimd_target=2.0, aimd_cut=0.5, aimd_increase=4.0, workers=100.0)

    def next_limit(limit=64.0, in_use=60.0, seconds=1.0, failing=0.0, calls=1.0):
        return adapt_limit(limit, in_use, seconds, failing, calls, p, 0.25)

    assert next_limit() == 65  # 4 a second
    assert next_limit(seconds=2.0, failing=0.1) == 65  # at the bounds all is well
    assert next_limit(seconds=2.001) == next_limit(failing=0.101) == 32
    assert next_limit(seconds=3.0, calls=0.5) == pytest.approx(64 * math.sqrt(0.5))  # half a call time: half the cut
    assert next_limit(seconds=3.0, calls=7.0) == 32
    assert next_limit(limit=1.5, seconds=3.0) == 1
    assert next_limit(in_use=32.0) == 64  # half used: no reason to grow
    assert next_limit(in_use=32.1) == 65
    assert next_limit(limit=99.5, in_use=99.0) == 100


# ---- the circuit breaker -----------------------------------------------------------------------------------------


def test_the_breaker_by_hand():
    p = SimpleNamespace(breaker_threshold=0.5, breaker_pause=30.0, breaker_window=10.0)

    def after(state, until, failed, ended, now):
        return breaker_next(state, until, failed, ended, now, p)

    assert after(CLOSED, INF, 15.0, 20.0, 7.0) == (OPEN, 37.0)
    assert after(CLOSED, INF, 15.0, 19.9, 7.0) == (CLOSED, INF)  # too few calls to say
    assert after(CLOSED, INF, 10.0, 20.0, 7.0) == (CLOSED, INF)  # half is not more than half
    assert after(OPEN, 37.0, 20.0, 20.0, 36.9) == (OPEN, 37.0)
    assert after(OPEN, 37.0, 0.0, 20.0, 36.9) == (OPEN, 37.0)
    assert after(OPEN, 37.0, 20.0, 20.0, 37.0) == (TRYING, 47.0)
    assert after(TRYING, 47.0, 2.0, 2.0, 46.9) == (TRYING, 47.0)
    assert after(TRYING, 47.0, 2.0, 2.0, 47.0) == (OPEN, 77.0)
    assert after(TRYING, 47.0, 1.0, 2.0, 47.0) == (CLOSED, INF)
    assert after(TRYING, 47.0, 0.0, 0.0, 99.0) == (TRYING, 47.0)  # nothing has ended yet: go on trying


# ---- idempotency keys --------------------------------------------------------------------------------------------


def test_a_key_by_hand():
    p = SimpleNamespace(idempotency_lifetime=10.0)
    assert key_expired(4.0, 0.0, p) == pytest.approx(math.exp(-10 / 4))
    assert key_expired(4.0, 6.0, p) == pytest.approx(math.exp(-(10 - 6) / 4))
    assert key_expired(4.0, 10.0, p) == key_expired(0.0, 10.2, p) == 1.0
    assert key_expired(0.0, 9.8, p) == 0.0
    assert key_expired(4.0, 1e9, SimpleNamespace(idempotency_lifetime=INF)) == 0.0


# ---- properties --------------------------------------------------------------------------------------------------

rate, share, many = st.floats(0, 1e4), st.floats(0, 1), st.floats(0, 1e5)


@given(many, rate, st.floats(1e-3, 10), st.floats(1e-3, 0.25), st.floats(1e-3, 5), rate)
@settings(**STABLE)
def test_calls_never_hold_more_workers_than_are_free(free, room, mu, dt, error_time, dispatch_rate):
    settles, refusal_settles = relax(mu, dt)[1], relax(1 / error_time, dt)[1]
    taken, refusable = call_capacity(free, room, settles, refusal_settles, dispatch_rate)
    assert taken >= 0 and refusable >= 0
    assert taken * settles + refusable * refusal_settles <= free * (1 + 1e-9) + 1e-9
    assert taken <= room and taken + refusable <= dispatch_rate * (1 + 1e-9)
    more, _ = call_capacity(free + 1, room, settles, refusal_settles, dispatch_rate)
    assert more >= taken


@given(many, rate, many, st.floats(0, 1e3), st.floats(0, 100))
@settings(**STABLE)
def test_the_room_falls_with_the_queue_and_rises_with_the_promise(queue, outflow, limit, promise, more):
    here = room(queue, outflow, queue_limit=limit, max_wait=promise)
    assert here >= 0
    assert room(queue + more, outflow, queue_limit=limit, max_wait=promise) <= here
    assert room(queue, outflow, queue_limit=limit, max_wait=promise + more) >= here
    assert room(queue, outflow, queue_limit=limit + more, max_wait=promise) >= here


@given(st.floats(0, 100), st.floats(0, 1e3), st.floats(0, 1e3), st.floats(0, 100))
@settings(**STABLE)
def test_keys_expire_more_often_after_longer_pauses_and_waits(pause, wait, lifetime, more):
    p = SimpleNamespace(idempotency_lifetime=lifetime)
    here = key_expired(pause, wait, p)
    assert 0 <= here <= 1
    assert key_expired(pause + more, wait, p) >= here - 1e-12
    assert key_expired(pause, wait + more, p) >= here - 1e-12
    assert key_expired(pause, wait, SimpleNamespace(idempotency_lifetime=lifetime + more)) <= here + 1e-12


def test_workers_never_fall_once_called():
    p = SimpleNamespace(workers=100.0, warm_workers=13.0, scale_rate=3.0)
    up = [workers_called(t, 20.0, 15.0, p) for t in np.linspace(0, 120, 481)]
    assert np.all(np.diff(up) >= 0) and (up[0], up[-1]) == (13, 100)
