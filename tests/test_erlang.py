"""The stations and the staffing: limits, identities, shapes, errors. Values against tables: test_erlang_reference.py."""

import math
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flashsale_lib.formulas import erlang_kernels as kernels
from flashsale_lib.formulas.abandonment import erlang_a
from flashsale_lib.formulas.erlang import Station, erlang_b, erlang_c, mmc, mmck
from flashsale_lib.formulas.staffing import halfin_whitt, servers_for, square_root_staffing
from flashsale_lib.parameters import ParameterError

INF = math.inf
ROOT = Path(__file__).resolve().parent.parent
SERVERS = st.integers(1, 3000)
LOAD_PER_SERVER = st.one_of(st.floats(0.01, 3.0), st.floats(0.99, 1.01))
PATIENCE = st.floats(-3, 3).map(lambda x: 10.0**x)
close = settings(max_examples=150, deadline=None)


@pytest.fixture(autouse=True)
def no_floating_point_flag():
    with np.errstate(all="raise"):
        yield


def approx(value, rel=1e-9, floor=1e-250):
    return pytest.approx(value, rel=rel, abs=floor)


def chain(lam, mu, c, theta, room):
    """The stationary law of the number in the system, in exact arithmetic on the given doubles."""
    lam, mu, theta = Fraction(lam), Fraction(mu), Fraction(theta)
    weights = [Fraction(1)]
    for n in range(1, room + 1):
        weights.append(weights[-1] * lam / (min(n, c) * mu + max(n - c, 0) * theta))
    total = sum(weights)
    return [float(w / total) for w in weights]


# ---- Erlang B and C ------------------------------------------------------------------------------------


@close
@given(st.floats(0.5, 3000), LOAD_PER_SERVER)
def test_erlang_b_satisfies_its_recursion(c, per_server):
    load = per_server * c
    before = erlang_b(c, load)
    assert erlang_b(c + 1, load) == approx(load * before / (c + 1 + load * before))


@close
@given(SERVERS, LOAD_PER_SERVER)
def test_more_servers_help_and_more_load_hurts(c, per_server):
    load = per_server * c
    for formula in (erlang_b, erlang_c):
        value = formula(c, load)
        assert 0 <= value <= 1
        assert formula(c + 1, load) <= value * (1 + 1e-11)
        assert formula(c, load * 1.001) >= value * (1 - 1e-11)
        assert formula(c, load) >= erlang_b(c, load) * (1 - 1e-11)


@pytest.mark.parametrize("seam", [25.0 * 0.6, 25.0, 25.0 * 1.6, 50.0])
def test_no_step_where_the_routes_meet(seam):
    for c in (24.999999, 25.0, 25.000001):
        for load in (seam * (1 - 1e-9), seam, seam * (1 + 1e-9)):
            free, busy = kernels.free_and_busy(np.array(c), np.array(load))
            assert free == approx(kernels.free_ratio(np.array(c), np.array(load)), rel=1e-13)
            exactly = float(np.exp(kernels.log_poisson(np.array(c), np.array(load))))
            assert (free + busy) * exactly == approx(1, rel=1e-12)
            lower = erlang_b(c - 1, load)
            assert erlang_b(c, load) == approx(load * lower / (c + load * lower), rel=1e-12)


def test_limits_of_b_and_c():
    assert erlang_b(0, 3.7) == erlang_b(0, 0) == erlang_b(0, 1e15) == 1.0
    assert erlang_b(3, 0) == erlang_c(3, 0) == 0.0
    assert erlang_c(0, 0) == erlang_c(0, 2) == erlang_c(5, 5) == erlang_c(5, 1e15) == 1.0
    assert erlang_b(1e6, 1) == erlang_c(1e6, 1) == 0.0
    assert erlang_b(1e9, 1e9) == approx(math.sqrt(2 / math.pi / 1e9), rel=1e-4)
    assert erlang_b(1, 1e15) == approx(1.0, rel=2e-15)
    # Load far above the servers, where gammaincc gives NaN, and a small room at an ordinary load.
    assert erlang_b([5000, 100], [10000, 1e6]) == approx(np.array([0.50009998, 0.99990001]), rel=1e-6)
    # One server: B = a/(1+a), C = a; a pair: C = a^2/(2+a).
    a = np.array([1e-300, 1e-9, 0.3, 0.999999])
    assert erlang_b(1, a) == approx(a / (1 + a), rel=1e-13, floor=0)
    assert erlang_c(1, a) == approx(a, rel=1e-13, floor=0)
    assert erlang_c(2, a[1:]) == approx(a[1:] ** 2 / (2 + a[1:]), rel=1e-13, floor=0)


def test_real_servers_below_one():
    # c -> 0 in the Fortet integral: 1/B = 1 + c e^a E1(a) + O(c^2); e^1 E1(1) = 0.596347 (Gompertz constant).
    assert (1 / erlang_b(1e-6, 1.0) - 1) / 1e-6 == approx(0.5963473623, rel=1e-5)
    c = np.array([1e-9, 0.3, 0.999])
    for load in (1e-6, 0.5, 49.0, 51.0, 900.0):
        before = erlang_b(c, load)
        assert erlang_b(c + 1, load) == approx(load * before / (c + 1 + load * before), rel=1e-12)


# ---- M/M/c ---------------------------------------------------------------------------------------------


@close
@given(SERVERS, st.floats(0.01, 0.9999), st.floats(0.01, 100))
def test_little_in_mmc(c, rho, mu):
    station = mmc(rho * c * mu, mu, c)
    assert station.queue == approx(station.throughput * station.wait)
    assert station.in_system == approx(station.throughput * station.sojourn)
    assert station.wait_tail(0) == station.p_wait
    t = station.wait_quantile(1 - station.p_wait / 3)
    if station.p_wait > 1e-6:
        assert station.wait_tail(t) == approx(station.p_wait / 3, rel=1e-6)


def test_mmc_without_a_steady_state():
    for lam in (10.0, 11.0, 1e15):
        station = mmc(lam, 2, 5)
        assert (station.utilisation, station.p_wait, station.p_empty, station.throughput) == (1, 1, 0, 10)
        assert station.wait == station.queue == station.sojourn == station.in_system == INF
        assert station.wait_tail([0, 1, INF]).tolist() == [1, 1, 1]
        assert station.wait_quantile([0, 0.5, 1]).tolist() == [0, INF, INF]


def test_mmc_extremes():
    nobody = mmc(0, 2.5, 1e6)
    assert (nobody.p_wait, nobody.wait, nobody.queue, nobody.p_empty, nobody.sojourn) == (0, 0, 0, 1, 0.4)
    assert nobody.wait_quantile(1) == 0
    station = mmc(30, 2.5, 20)
    assert station.wait_tail(INF) == 0 and station.wait_quantile(1) == INF
    assert mmc(0.5, 1, 1).p_empty == approx(0.5, rel=1e-13)
    assert mmc(800.0, 1.0, 1e6).p_empty == 0.0
    assert mmc(5.0, 1.0, 1e6).p_empty == approx(math.exp(-5), rel=1e-13)


# ---- M/M/c/K -------------------------------------------------------------------------------------------


@close
@given(st.integers(1, 60), LOAD_PER_SERVER, st.integers(0, 80), st.floats(0.1, 10))
@example(1, 1.0, 30, 1.0)
@example(3, 1 + 1e-12, 40, 1.0)
@example(3, 1 - 1e-12, 40, 1.0)
def test_mmck_against_its_chain(c, rho, places, mu):
    lam, room = rho * c * mu, c + places
    station, p = mmck(lam, mu, c, room), chain(lam, mu, c, 0, room)
    queue = math.fsum((n - c) * x for n, x in enumerate(p) if n > c)
    let_in = math.fsum(p[:-1])
    assert station.p_block == approx(p[-1], rel=1e-11)
    assert station.p_empty == approx(p[0], rel=1e-11)
    assert station.queue == approx(queue, rel=1e-11)
    assert station.p_wait == approx(math.fsum(p[c:-1]) / let_in, rel=1e-11)
    assert station.in_system == approx(math.fsum(n * x for n, x in enumerate(p)), rel=1e-11)
    assert station.queue == approx(station.throughput * station.wait, rel=1e-11)
    assert station.sojourn == approx(station.wait + 1 / mu, rel=1e-12)
    assert station.throughput == approx(lam * let_in, rel=1e-11)
    assert station.utilisation == approx(station.throughput / (c * mu), rel=1e-12)
    # The wait of those let in is a mixture of sums of j+1 exponential times.
    x = 0.7 * (places + 1)
    poisson, below, tail = math.exp(-x), 0.0, 0.0
    for j in range(places):
        below += poisson
        tail += p[c + j] * below / let_in
        poisson *= x / (j + 1)
    assert station.wait_tail(x / (c * mu)) == approx(tail, rel=1e-10)
    assert station.wait_tail(0) == approx(station.p_wait, rel=1e-11)


@close
@given(SERVERS, LOAD_PER_SERVER)
def test_mmck_between_loss_and_unlimited(c, rho):
    lam = rho * c
    lost = mmck(lam, 1, c, c)
    assert lost.p_block == approx(erlang_b(c, lam), rel=1e-11)
    assert (lost.wait, lost.queue, lost.p_wait, lost.sojourn) == (0, 0, 0, 1)
    assert lost.wait_tail([0, 1]).tolist() == [0, 0] and lost.wait_quantile(0.99) == 0
    endless, unlimited = mmck(lam, 1, c, INF), mmc(lam, 1, c)
    for name in ("p_wait", "wait", "queue", "sojourn", "in_system", "utilisation", "p_empty", "throughput"):
        assert getattr(endless, name) == getattr(unlimited, name)
    assert endless.p_block == pytest.approx(max(0.0, 1 - 1 / rho), abs=1e-12)
    if rho < 0.9:
        vast = mmck(lam, 1, c, 1e12)
        assert vast.wait == approx(unlimited.wait, rel=1e-11)
        assert vast.wait_tail(0.5 / c) == approx(unlimited.wait_tail(0.5 / c), rel=1e-10)


def test_mmck_waits_in_a_vast_room():
    """Load 1: P(wait > t) tends to the share of a triangle, (1 - x/n) of a uniform place in n, as n grows."""
    for n in (1e6, 1e11, 1e14):
        station = mmck(1, 1, 1, 1 + n)
        assert station.wait_tail(0.25 * n) == approx(0.75, rel=1e-5)
        assert station.wait_tail(2 * n) == 0
    # Where every integer is summed and where every third is: both near the normal limit at the edge.
    edge = [mmck(1, 1, 1, 1 + n).wait_tail(n) * math.sqrt(2 * math.pi * n) for n in (1e8, 1e11)]
    assert edge == approx([1.0, 1.0], rel=1e-3)


def test_a_station_is_abstract():
    station = Station(*[0.5] * len(Station.__dataclass_fields__))
    with pytest.raises(NotImplementedError):
        station.wait_tail(1)


def test_mmck_quantiles():
    sale = mmck(2000, 2.5, 50, 2050)
    t = sale.wait_quantile([0, 0.1, 0.5, 0.99, 1])
    assert t[0] == 0 and t[-1] == INF
    assert 1 - sale.wait_tail(t[1:-1]) == approx(np.array([0.1, 0.5, 0.99]), rel=1e-9)
    assert sale.wait_tail(INF) == 0 and sale.wait_tail(1e6) == 0
    assert mmck(120, 2.5, 50, [60, INF]).wait_quantile(0.9)[1] == approx(mmc(120, 2.5, 50).wait_quantile(0.9))
    assert mmck(0, 1, 3, 10).wait_tail(1) == 0


# ---- Erlang A ------------------------------------------------------------------------------------------


@close
@given(st.integers(1, 60), LOAD_PER_SERVER, PATIENCE, st.integers(0, 60), st.floats(0.1, 10))
@example(1, 3.0, 5.7, 0, 4.3)
def test_erlang_a_with_limited_room_against_its_chain(c, rho, patience, places, mu):
    lam, room, patience = rho * c * mu, c + places, patience / mu
    station = erlang_a(lam, mu, c, patience, room)
    p = chain(lam, mu, c, 1 / Fraction(patience), room)
    queue = math.fsum((n - c) * x for n, x in enumerate(p) if n > c)
    let_in = math.fsum(p[:-1])
    assert station.p_block == approx(p[-1], rel=1e-11)
    assert station.p_empty == approx(p[0], rel=1e-11)
    assert station.p_wait == approx(math.fsum(p[c:-1]), rel=1e-11)
    assert station.queue == approx(queue, rel=1e-11)
    assert station.in_system == approx(math.fsum(n * x for n, x in enumerate(p)), rel=1e-11)
    assert station.wait == approx(queue / lam / let_in, rel=1e-11)
    assert station.p_abandon == approx(queue / patience / lam, rel=1e-11)
    assert station.p_served + station.p_abandon + station.p_block == approx(1, rel=1e-11)
    assert station.in_system == approx(lam * let_in * station.sojourn, rel=1e-10)
    if station.p_wait > 1e-200:
        assert station.p_abandon_waiting == approx(station.p_abandon / station.p_wait, rel=1e-11)


@close
@given(SERVERS, LOAD_PER_SERVER, PATIENCE)
def test_erlang_a_identities(c, rho, patience):
    station = erlang_a(rho * c, 1, c, patience)
    assert station.p_served + station.p_abandon == approx(1)
    assert station.queue == approx(rho * c * station.wait)
    assert station.p_abandon == approx(station.wait / patience)
    assert station.in_system == approx(rho * c * station.sojourn)
    assert station.wait_tail(0) == approx(station.p_wait, rel=1e-8)
    assert station.served_within(0) == pytest.approx(1 - station.p_wait, abs=1e-9)
    assert station.served_within(1e15) == approx(station.p_served, rel=1e-8)
    assert station.served_within(INF) == approx(station.p_served, rel=1e-8)
    assert station.wait_tail(INF) == 0
    more, patient = erlang_a(rho * c, 1, c + 1, patience), erlang_a(rho * c, 1, c, patience * 1.5)
    assert more.p_abandon <= station.p_abandon * (1 + 1e-10) and more.p_wait <= station.p_wait * (1 + 1e-10)
    assert patient.p_abandon <= station.p_abandon * (1 + 1e-10) and patient.p_wait >= station.p_wait * (1 - 1e-10)
    busier = erlang_a(rho * c * 1.01, 1, c, patience)
    assert busier.p_abandon >= station.p_abandon * (1 - 1e-10)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 300), st.floats(0.2, 1.5), st.floats(0.1, 30), st.sampled_from([0, 1, 20]), st.floats(1e-3, 1e3))
@example(3, 1.2, 2.0, 5, 60.0)
def test_seconds_or_minutes_are_the_same_station(c, rho, patience, room, minute):
    """Rates divided and times multiplied by one number: counts and shares stay, times are multiplied."""
    small, loss = min(rho, 0.98), dict(capacity=c + room)
    for build, load, times, more in (
        (mmc, small, {}, {}),
        (mmck, rho, {}, loss),
        (erlang_a, rho, dict(patience=patience), {}),
        (erlang_a, rho, dict(patience=patience), loss),
    ):
        here = build(load * c, 1.0, c, **times, **more)
        there = build(load * c / minute, 1.0 / minute, c, **{n: t * minute for n, t in times.items()}, **more)
        for name in here.__dataclass_fields__:
            ours, theirs = getattr(here, name), getattr(there, name)
            power = {"wait": 1, "sojourn": 1, "patience": 1, "throughput": -1, "arrival_rate": -1, "service_rate": -1}
            # 1e-9: rounding of the rates by 1e-16 is magnified by the number of servers over the spare share.
            assert theirs == pytest.approx(ours * minute ** power.get(name, 0), rel=1e-9, abs=1e-290), (build, name)
        if "patience" in times and more:
            continue  # has no tail
        assert there.wait_tail(0.3 * minute) == pytest.approx(here.wait_tail(0.3), rel=1e-8, abs=1e-250)
        assert there.wait_quantile(0.9) == pytest.approx(here.wait_quantile(0.9) * minute, rel=1e-8)


@close
@given(st.integers(1, 300), LOAD_PER_SERVER, st.floats(0.1, 100))
def test_erlang_a_with_patience_like_the_service_is_poisson(c, rho, mu):
    """theta = mu: as if everybody had a server, so the number in the system is Poisson."""
    load = rho * c
    station = erlang_a(load * mu, mu, c, 1 / mu)
    assert station.in_system == approx(load)
    assert station.p_empty == approx(math.exp(-load), rel=1e-8)
    n = np.arange(c)
    with np.errstate(under="ignore"):
        below = np.exp(kernels.log_poisson(n.astype(float), np.full(c, load))).sum()
    assert station.p_wait == pytest.approx(1 - below, abs=1e-10)


@close
@given(SERVERS, st.floats(0.05, 0.98))
def test_erlang_a_with_endless_patience_is_erlang_c(c, rho):
    lam, limit = rho * c, mmc(rho * c, 1, c)
    long, endless = erlang_a(lam, 1, c, 1e13), erlang_a(lam, 1, c, INF)
    for name in ("p_wait", "wait", "queue", "sojourn", "in_system", "utilisation", "p_empty", "throughput"):
        assert getattr(long, name) == approx(getattr(limit, name), rel=1e-6)
        assert getattr(endless, name) == approx(getattr(limit, name), rel=1e-14)
    assert (endless.p_abandon, endless.p_served, endless.p_block) == (0, 1, 0)
    t = 1 / c
    assert long.wait_tail(t) == approx(limit.wait_tail(t), rel=1e-6)
    assert endless.wait_tail(t) == limit.wait_tail(t)
    assert endless.served_within(t) == approx(1 - limit.wait_tail(t))
    assert endless.wait_quantile(0.999) == approx(limit.wait_quantile(0.999))


def test_erlang_a_without_patience_or_with_room():
    assert erlang_a(100, 1, 100, 1e-12).p_abandon == approx(erlang_b(100, 100), rel=1e-9)
    limited, closed = erlang_a(120, 1, 100, INF, 130), mmck(120, 1, 100, 130)
    assert limited.p_block == closed.p_block and limited.wait == closed.wait
    assert limited.p_wait == approx(closed.p_wait * (1 - closed.p_block))
    assert limited.p_served == approx(1 - closed.p_block) and limited.p_abandon == 0
    assert erlang_a(0, 1, 3, INF).p_served == 1
    overloaded = erlang_a(200, 1, 100, INF)
    assert (overloaded.wait, overloaded.p_served) == (INF, 0.5)
    vast = erlang_a(120, 1, 100, 5, [1e15, INF])
    for name in ("p_wait", "p_abandon", "wait", "queue", "in_system", "sojourn", "p_empty"):
        one, other = getattr(vast, name)
        assert one == approx(other, rel=1e-11)
    mixed = erlang_a(90, 1, 100, [[3.0], [INF]], [120, INF])
    for i, patience in enumerate((3.0, INF)):
        for j, room in enumerate((120, INF)):
            alone = erlang_a(90, 1, 100, patience, room)
            for name in ("p_wait", "p_abandon", "p_served", "p_block", "wait", "queue", "p_empty"):
                assert getattr(mixed, name)[i, j] == getattr(alone, name)


def test_erlang_a_extremes():
    nobody = erlang_a(0, 1, 4, 2.0)
    assert (nobody.p_wait, nobody.p_abandon, nobody.p_served, nobody.wait, nobody.queue, nobody.p_empty) == (
        0,
        0,
        1,
        0,
        0,
        1,
    )
    assert nobody.p_abandon_waiting == approx(1 / (4 * 2 + 1))
    assert nobody.served_within([0, 1]).tolist() == [1, 1] and nobody.wait_tail(1) == 0
    nobody = erlang_a(0, 1, 4, 2.0, 9)
    assert (nobody.p_wait, nobody.p_block, nobody.p_served, nobody.wait) == (0, 0, 1, 0)
    sale = erlang_a(2000, 2.5, 50, 1 / (1 / 30))  # NaN in LINE
    assert sale.p_abandon == approx(1 - 125 / 2000, rel=1e-13) and sale.p_wait == 1
    assert sale.queue == approx((2000 - 125) * 30, rel=1e-13)
    # Half of them would wait longer than fluid says, and e^-theta t of those are still there.
    t = 30 * math.log(2000 / 125)
    assert sale.wait_tail(t) / math.exp(-t / 30) == pytest.approx(0.5, abs=0.02)
    assert sale.wait_tail(sale.wait_quantile(0.9)) == approx(0.1)
    assert erlang_a(1e15, 1, 1, 10).p_served == approx(1e-15, rel=1e-13)
    assert erlang_a(1e12, 1, 3, 1e-12).p_served == approx(1.5e-12, rel=1)
    # Long patience at the edge of overload, where a sum of states would need millions of terms.
    edge = erlang_a(100, 1, 100, np.array([1e10, 1e12, 1e14]))
    assert edge.queue / np.sqrt(100 * np.array([1e10, 1e12, 1e14])) == approx(
        np.full(3, math.sqrt(2 / math.pi)), rel=1e-3
    )
    # and just below it, where the expansion of the line takes over from the identity
    lam = 100 * (1 - np.array([5e-4, 0.99e-3, 1.01e-3, 0.05]))
    assert erlang_a(lam, 1, 100, 1e6).queue == approx(erlang_a(lam, 1, 100, 1e6, 1e9).queue, rel=1e-9)
    big = erlang_a(1e6, 1, 1e6, 2.0)
    assert big.p_abandon == approx(0.00033049458681968445694, rel=1e-11)


def test_served_within_from_every_side():
    """The share served within t, the share still waiting and the share gone by t add up to one, by integration."""
    for lam, c, patience in (
        (30, 50, 2.0),
        (50, 50, 2.0),
        (90, 50, 2.0),
        (90, 50, 200.0),
        (12.0, 10, 1e-3),
        (3.0, 1, 0.3),
    ):
        station = erlang_a(lam, 1.0, c, patience)
        t = np.linspace(0, 3 * patience, 10001)
        tail = station.wait_tail(t)
        with np.errstate(under="ignore"):
            gone = np.concatenate(([0.0], np.cumsum(0.5 * (tail[1:] + tail[:-1]) * np.diff(t)))) / patience
            # The trapezoid rule is off by h^2/12 of the change of slope.
            slack = 1e-10 + (t[1] / patience) ** 2 * (1 + patience * (abs(lam - c) + lam))
            assert station.served_within(t) + tail + gone == pytest.approx(np.ones_like(t), abs=slack)


# ---- staffing --------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.floats(-3, 4).map(lambda x: 10.0**x), st.floats(-4, -0.01).map(lambda x: 10.0**x), PATIENCE)
def test_the_smallest_staffing(load, target, patience):
    def least(met, **goal):
        c = servers_for(load, 1, **goal)
        assert isinstance(c, int) and met(c) and (c == 1 or not met(c - 1))

    sure = target * (1 - 1e-12)
    least(lambda c: erlang_c(c, load) < sure, p_wait=target)
    least(lambda c: erlang_b(c, load) < sure, p_block=target)
    least(lambda c: mmc(load, 1, c).wait < sure, wait=target)
    least(lambda c: erlang_a(load, 1, c, patience).p_abandon < sure, p_abandon=target, patience=patience)
    least(lambda c: erlang_a(load, 1, c, patience).wait < sure, wait=target, patience=patience)
    late = (1 - (1 - target)) * (1 - 1e-12)
    least(lambda c: mmc(load, 1, c).wait_tail(0.3) < late, within=0.3, share=1 - target)
    least(
        lambda c: 1 - erlang_a(load, 1, c, patience).served_within(0.3) < late,
        within=0.3, share=1 - target, patience=patience,
    )  # fmt: skip


def test_staffing_shapes_and_several_targets():
    assert servers_for(0, 1, p_wait=0.2) == 1
    alone = [
        servers_for(80, 1.25, p_wait=0.2),
        servers_for(80, 1.25, wait=0.01),
        servers_for(80, 1.25, within=0.1, share=0.99),
    ]
    assert servers_for(80, 1.25, p_wait=0.2, wait=0.01, within=0.1, share=0.99) == max(alone)
    for unit in (1e-6, 1e6):  # of time
        assert servers_for(80 * unit, 1.25 * unit, wait=0.01 / unit) == alone[1]
    # Ties that are exact: one server of load 1/2 has a queue of mean 1 and nobody in it half of the time.
    assert servers_for(0.5, 1, p_wait=0.5) == servers_for(0.5, 1, wait=1) == servers_for(1, 1, p_block=0.5) == 2
    assert servers_for(0.5, 1, within=0, share=0.5) == 2
    both = servers_for([[48.0], [100.0]], 1, p_wait=[0.5, 0.2, 0.05], patience=[INF])
    assert both.tolist() == [[52, 56, 61], [106, 111, 119]] and both.dtype == np.int64
    mixed = servers_for(48, 1, p_wait=0.2, patience=[1.0, INF])
    assert mixed[1] == 56 and mixed[0] < 56


def test_square_root_staffing():
    assert square_root_staffing(100, 0.5) == 105 and isinstance(square_root_staffing(100, 0.5), int)
    assert square_root_staffing([0, 100, 1e6], [[0], [1.0]]).tolist() == [[0, 100, 1000000], [0, 110, 1001000]]
    assert square_root_staffing(4, -10) == 0
    assert halfin_whitt([-1, 0, 40, 1e9]).tolist() == [1, 1, 0, 0]
    # The rule is exact to a server or two, from 10 to a million.
    for load in (10.0, 1e3, 1e6):
        assert abs(square_root_staffing(load, 0.506) - servers_for(load, 1, p_wait=0.5)) <= 1


# ---- shapes, types, errors ---------------------------------------------------------------------------------


def test_scalars_in_scalars_out_and_broadcasting():
    assert type(erlang_b(3, 2)) is float and type(erlang_c(np.int64(3), np.float32(2))) is float
    station = mmck(1.0, 1, 2, 5)
    assert all(
        type(getattr(station, name)) is float for name in ("p_wait", "wait", "p_block", "queue", "servers", "capacity")
    )
    assert type(station.wait_tail(1)) is float and type(mmc(1, 1, 2).wait_quantile(0.5)) is float
    assert type(erlang_a(1, 1, 2, 3).served_within(1)) is float and type(erlang_a(1, 1, 2, 3, 5).wait) is float
    assert erlang_b(np.arange(1, 4)[:, np.newaxis], [1.0, 2.0]).shape == (3, 2)
    grid = mmc(np.array([1.0, 2.0]), 1, np.array([[3], [4], [5]]))
    assert grid.wait.shape == (3, 2) and grid.wait_tail(np.ones((4, 1, 1))).shape == (4, 3, 2)
    assert grid.wait_quantile(0.5).shape == (3, 2)
    assert mmck([1.0, 2.0], 1, 3, [[5], [9]]).wait_quantile(0.99).shape == (2, 2)
    assert erlang_a([1.0, 2.0], 1, 3, [[5], [9]]).wait_quantile(0.999).shape == (2, 2)


def test_large_arrays_take_the_threads_and_the_same_values():
    rng = np.random.default_rng(5)
    c = rng.integers(1, 1001, 200_000).astype(float)
    load = c * rng.uniform(0.05, 1.9, c.size)
    whole = erlang_b(c, load)
    parts = np.concatenate([erlang_b(c[i : i + 10_000], load[i : i + 10_000]) for i in range(0, c.size, 10_000)])
    assert whole == approx(parts, rel=1e-13)
    with ThreadPoolExecutor(4) as pool:  # and from threads of the caller
        assert all(np.array_equal(whole, x) for x in pool.map(lambda _: erlang_b(c, load), range(4)))


def test_a_million_pairs_against_the_recursion():
    rng = np.random.default_rng(7)
    c = rng.integers(1, 1001, 5000)
    load = c * rng.uniform(0.05, 0.995, c.size)
    blocked, exact = np.ones(c.size), np.empty(c.size)
    with np.errstate(under="ignore"):
        for n in range(1, 1001):
            blocked = load * blocked / (n + load * blocked)
            exact[c == n] = blocked[c == n]
        waits = exact / (1 - load / c * (1 - exact))
    seen = waits > 1e-290
    assert erlang_c(c, load)[seen] == approx(waits[seen], rel=1e-12, floor=0)


def test_no_compiler_is_needed():
    """Blocked from importing numba (as in a browser), the same code gives the same numbers: it never asks for it."""
    code = (
        "import sys; sys.modules['numba'] = None\n"
        "import numpy as np; from flashsale_lib.formulas.erlang import erlang_c\n"
        "print(erlang_c(132, np.full(100_000, 123.0))[-1], 'matplotlib' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    value, figures = run.stdout.split()
    assert float(value) == erlang_c(132, 123.0) and figures == "False"


def test_no_warning_anywhere():
    with warnings.catch_warnings(), np.errstate(all="warn"):
        warnings.simplefilter("error")
        c = np.array([1.0, 2.0, 30.0, 1e3, 1e6, 1e9])[:, np.newaxis]
        lam = np.array([0.0, 1e-300, 1e-9, 1.0, 29.0, 999.0, 1e6, 1e12, 1e15])
        for station in (mmc(lam, 1, c), mmck(lam, 1, c, 1e9), mmck(lam, 1, c, c), mmck(lam, 1, c, INF)):
            for name in station.__dataclass_fields__:
                assert not np.isnan(getattr(station, name)).any(), name
            assert not np.isnan(station.wait_tail([[0.0], [1e-3], [1.0], [1.0], [1e15], [INF]])).any()
        for patience in (1e-15, 1e-3, 1.0, 1e6, 1e15, INF):
            station = erlang_a(lam, 1, c, patience)
            for name in station.__dataclass_fields__:
                assert not np.isnan(getattr(station, name)).any(), (name, patience)
            for t in (0.0, 1e-3, 1.0, 1e15, INF):
                assert not np.isnan(station.wait_tail(t)).any() and not np.isnan(station.served_within(t)).any()


def test_patience_without_end_and_without_a_steady_state_has_no_quantile() -> None:
    """Infinity at once, as from `mmc`; patience that ends after 30 million years gives a number."""
    load = np.array([20.0, 25.0, 30.0])
    patient = erlang_a(load, 1.25, 20, np.inf).wait_quantile(0.99)
    assert patient == approx(mmc(load, 1.25, 20).wait_quantile(0.99), rel=1e-12, floor=0)
    assert np.isinf(patient).tolist() == [False, True, True]
    assert erlang_a(30, 1.25, 20, [np.inf, 1e15]).wait_quantile([0.0, 0.99])[0] == 0.0
    # In the fluid, as many give up until ln(30/25) of the patience as let the others be served.
    assert erlang_a(30, 1.25, 20, 1e15).wait_quantile(0.99) == approx(1e15 * np.log(30 / 25), rel=1e-6, floor=0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: erlang_b(math.nan, 1), ["erlang.servers is nan", "from 0 to 1e+09", "replace the missing value"]),
        (lambda: erlang_c(3, [1.0, 2.0, math.nan]), ["erlang.load is nan", "at index 2", "from 0 to 1e+15"]),
        (lambda: erlang_b(3, -1), ["erlang.load is -1", "move it to at least 0"]),
        (lambda: erlang_b(3, INF), ["erlang.load is inf", "at most 1e+15"]),
        (lambda: erlang_b("3", 1), ["erlang.servers is '3', a str", "pass a number"]),
        (lambda: erlang_b(3, []), ["erlang.load is an empty array"]),
        (lambda: mmc(1, 0, 1), ["erlang.service_rate is 0 (buyers/s)", "at least 1e-15"]),
        (lambda: mmc(1, 1, [[1, 0.5]]), ["erlang.servers is 0.5", "at index (0, 1)", "at least 1"]),
        (lambda: mmck(1, 1, 2.5, 3), ["erlang.servers is 2.5", "a whole number", "round it"]),
        (
            lambda: mmck(1, 1, 3, 2),
            ["erlang.capacity is 2 (buyers) with 3 servers", "at least the servers", "raise capacity"],
        ),
        (lambda: mmck(1, 1, [1, 3], 2), ["erlang.capacity is 2 (buyers) at index 1 with 3 servers"]),
        (lambda: erlang_a(1, 1, [[1], [3]], 5, 2), ["at index (1, 0) with 3 servers"]),
        (lambda: erlang_a(1, 1, 2, 0), ["erlang.patience is 0 (s)", "or infinity"]),
        (lambda: mmc([1, 2], 1, [1, 2, 3]), ["arrival_rate (2,)", "servers (3,)", "np.newaxis"]),
        (lambda: mmc(1, 1, 2).wait_tail(-1), ["erlang.t is -1 (s)"]),
        (lambda: mmc(1, 1, 2).wait_quantile(95), ["erlang.q is 95 (share)", "from 0 to 1"]),
        (lambda: mmc([1, 1.5], 1, 2).wait_tail([1, 2, 3]), ["t (3,)", "station (2,)"]),
        (
            lambda: erlang_a(1, 1, 2, 3, 4).wait_tail(1),
            ["erlang.capacity is 4 (buyers)", "pass capacity infinity", "twin()"],
        ),
        (lambda: servers_for(1, 1), ["no target", "p_wait=0.2"]),
        (lambda: servers_for(1, 1, within=1), ["within and share must come together"]),
        (lambda: servers_for(1, 1, p_block=0.1, wait=1), ["p_block is for servers without a queue"]),
        (lambda: servers_for(1, 1, p_abandon=0.1), ["patience inf (s)", "must be finite"]),
        (lambda: servers_for(1, 1, p_wait=0), ["erlang.p_wait is 0 (share)"]),
        (lambda: servers_for(1, 1, p_wait=1), ["erlang.p_wait is 1 (share)"]),
        (
            lambda: servers_for(1e12, 1, p_wait=0.1),
            ["load arrival_rate/service_rate is 1e+12", "at most 5e+08", "raise service_rate"],
        ),
        (lambda: square_root_staffing(1, math.nan), ["erlang.beta is nan"]),
        (lambda: halfin_whitt(INF), ["erlang.beta is inf"]),
    ],
)
def test_errors_say_what_to_do(call, words):
    with pytest.raises(ParameterError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
