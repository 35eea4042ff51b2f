"""The stations against the reference tables: see tests/reference/erlang_README.md for what they are."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from flashsale_lib.formulas.abandonment import erlang_a
from flashsale_lib.formulas.erlang import erlang_b, erlang_c, mmc, mmck
from flashsale_lib.formulas.staffing import halfin_whitt, servers_for

TABLES = Path(__file__).parent / "reference"


@pytest.fixture(autouse=True)
def no_floating_point_flag():
    with np.errstate(all="raise"):
        yield


def table(name):
    with (TABLES / f"{name}_shared.csv").open(encoding="utf-8") as file:
        return [pytest.param(row, id=row.get("id") or f"{name}-{i}") for i, row in enumerate(csv.DictReader(file))]


def numbers(row, *names):
    return [float(row[name]) for name in names]


def near(value, printed, condition=1.0):
    """Within max(1e-12, 8 eps times the condition number) of the table; below 1e-300 of it, absolutely."""
    if printed == "":
        return
    assert isinstance(value, float)
    expected = float(printed)
    tolerance = max(1e-12, 8 * float(condition or 1.0) * 2.2e-16)
    assert value == pytest.approx(expected, rel=tolerance, abs=1e-300)


@pytest.mark.parametrize("row", table("erlang_b"))
def test_erlang_b(row):
    c, a = numbers(row, "c", "a")
    near(erlang_b(c, a), row["B"], row["cond_a"])


@pytest.mark.parametrize("row", table("erlang_c"))
def test_erlang_c_and_mmc(row):
    lam, mu, c, t = numbers(row, "lam", "mu", "c", "t")
    station = mmc(lam, mu, c)
    near(erlang_c(c, lam / mu), row["C"], row["cond_C"])
    near(station.p_wait, row["C"], row["cond_C"])
    near(station.p_empty, row["P0"], max(lam / mu, 1.0))
    for value, column in (
        (station.queue, "Lq"),
        (station.wait, "Wq"),
        (station.in_system, "L"),
        (station.sojourn, "W"),
        (station.wait_tail(t), "P_Wq_gt_t"),
    ):
        near(value, row[column], row["cond_Lq"])


@pytest.mark.parametrize("row", table("mmck"))
def test_mmck(row):
    lam, mu, c, room = numbers(row, "lam", "mu", "c", "K")
    station = mmck(lam, mu, c, room)
    near(station.p_block, row["P_block"], row["cond_P_block"])
    near(station.p_empty, row["P0"], max(min(lam / mu, c), 1.0))
    near(station.throughput, row["throughput"])
    near(station.utilisation, row["util"])
    for value, column in (
        (station.queue, "Lq"),
        (station.in_system, "L"),
        (station.wait, "Wq"),
        (station.sojourn, "W"),
        (station.p_wait, "P_wait_accepted"),
    ):
        near(value, row[column], row["cond_Lq"])


@pytest.mark.parametrize("row", table("erlang_a"))
def test_erlang_a(row):
    lam, mu, theta, c, room, t = numbers(row, "lam", "mu", "theta", "c", "K", "t")
    station = erlang_a(lam, mu, c, 1 / theta, room)
    for value, column in (
        (station.p_block, "P_block"),
        (station.p_wait, "P_wait"),
        (station.p_abandon, "P_ab"),
        (station.p_served, "P_served"),
        (station.wait, "EW"),
        (station.queue, "EQ"),
        (station.in_system, "EN"),
        (station.utilisation, "util"),
        (station.p_abandon_waiting, "P_ab_given_wait"),
    ):
        near(value, row[column], row["cond_P_ab"])
    if math.isinf(room):
        near(station.wait_tail(t), row["P_W_gt_t"], row["cond_P_ab"])
        near(station.served_within(t), row["P_served_within_t"], row["cond_P_ab"])


@pytest.mark.parametrize("row", table("staffing"))
def test_staffing(row):
    kind, (load, target, c) = row["kind"], numbers(row, "a", "target", "c")
    if "P(wait)" in kind:
        assert servers_for(load, 1, p_wait=target) == c
    elif "P(W<=T)" in kind:
        assert servers_for(load, 1, within=float(kind.rpartition("T=")[2]), share=target) == c
    elif "blocking" in kind:
        assert erlang_b(c, load) == pytest.approx(target, rel=max(1e-12, 8 * c * 2.2e-16))
        assert servers_for(load * (1 - 1e-9), 1, p_block=target) == c
        assert servers_for(load * (1 + 1e-9), 1, p_block=target) == c + 1
    else:  # real c, in seconds
        assert mmc(load / 180, 1 / 180, c).wait == pytest.approx(target, rel=1e-12)


@pytest.mark.parametrize("row", table("halfin_whitt"))
def test_halfin_whitt(row):
    beta, kind = float(row["beta"]), row["kind"]
    if kind == "halfin_whitt_alpha":
        near(halfin_whitt(beta), row["value"])
    elif kind == "jagerman_sqrt_c_B":  # the limits that a station of 1e8 servers is near to
        c = 1e8
        assert math.sqrt(c) * erlang_b(c, c - beta * math.sqrt(c)) == pytest.approx(float(row["value"]), rel=2e-3)
    else:  # Garnett, in n = c servers: r = theta/mu
        c, r = 1e8, float(row["r"])
        station = erlang_a(c - beta * math.sqrt(c), 1, c, 1 / r)
        assert math.sqrt(c) * station.p_abandon_waiting == pytest.approx(float(row["value"]), rel=2e-3)


@pytest.mark.parametrize("row", table("psa"))
def test_pointwise_stationary_approximation(row):
    c, mu, a, b = numbers(row, "c", "mu", "a", "b")
    phase = np.arange(4096) * (2 * np.pi / 4096)  # the trapezoid rule converges geometrically on a full period
    arrivals = a + b * np.sin(phase)
    station = mmc(arrivals, mu, c)
    assert station.queue.mean() == pytest.approx(float(row["PSA_Lq"]), rel=1e-12)
    assert (station.p_wait * arrivals).sum() / arrivals.sum() == pytest.approx(float(row["PSA_P_wait"]), rel=1e-12)


def test_published_values():
    with (TABLES / "published_shared.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    minutes = erlang_a(100 / 30, 1 / 3, 14, 5)
    calls = erlang_a(48, 1, 50, 2)
    bronson = mmc(300, 182.5, 3)
    patience = "transactions=100/30min aht=3 patience=5 c=14 t=20s"
    ours = {
        ("Erlang B", "c=1 a=5.0"): erlang_b(1, 5.0),
        ("Erlang B", "c=190 a=200.0"): erlang_b(190, 200.0),
        ("Erlang B", "c=1000 a=500.0"): erlang_b(1000, 500.0),
        ("Erlang B", "c=30 a=25"): erlang_b(30, 25),
        ("Erlang C", "c=132 a=123"): erlang_c(132, 123),
        ("Erlang B min lines", "a=10 B<=0.02"): servers_for(10, 1, p_block=0.02),
        ("M/M/3 Lq", "lam=300 mu=182.5"): bronson.queue,
        ("M/M/3 Wq", "lam=300 mu=182.5"): bronson.wait,
        ("M/M/3 P0", "lam=300 mu=182.5"): bronson.p_empty,
        ("M/M/1 P0", "24,30"): mmc(24, 30, 1).p_empty,
        ("M/M/1 Lq", "lam=.8 mu=1"): mmc(0.8, 1, 1).queue,
        ("M/M/1 Wq", "lam=.8 mu=1"): mmc(0.8, 1, 1).wait,
        ("M/M/3 Lq", "lam=6 mu=3"): mmc(6, 3, 3).queue,
        ("M/M/3 Wq", "lam=6 mu=3"): mmc(6, 3, 3).wait,
        ("M/M/2 Lq", "lam=2 mu=3"): mmc(2, 3, 2).queue,
        ("M/M/2 Wq", "lam=2 mu=3"): mmc(2, 3, 2).wait,
        ("Erlang C mean wait (s)", "48/min, 1 min, 50 agents"): 60 * mmc(48, 1, 50).wait,
        ("Erlang A P(ab)", "48/min, 1 min, 50 agents, patience 2 min"): calls.p_abandon,
        ("Erlang A mean queue", "same"): calls.queue,
        ("Erlang A P_wait", patience): minutes.p_wait,
        ("Erlang A util", patience): minutes.utilisation,
        ("Erlang A P_served_within_t", patience): minutes.served_within(1 / 3),
        ("Erlang C service level", "asa=.33 min"): 1 - mmc(100 / 30, 1 / 3, 14).wait_tail(0.33),
        ("Erlang B (traffic table)", "c=5 a=1.361"): erlang_b(5, 1.361),
        ("Erlang B (traffic table)", "c=20 a=12.03"): erlang_b(20, 12.03),
        ("Erlang B (traffic table)", "c=100 a=84.06"): erlang_b(100, 84.06),
        ("Erlang B (traffic table)", "c=100 a=87.97"): erlang_b(100, 87.97),
        ("Erlang C", "s=100 beta=.5 (a=95)"): erlang_c(100, 95),
        ("M/M/1/10 L at rho=1", "lam=mu=1 K=10"): mmck(1, 1, 1, 10).in_system,
    }
    seen = 0
    for row in rows:
        value = ours.get((row["quantity"], row["params"]))
        if value is not None:
            seen += 1
            assert value == pytest.approx(float(row["printed"]), abs=float(row["abs_tol"]), rel=1e-15), row
    assert seen == len(ours)


def test_the_printed_value_that_is_wrong():
    assert erlang_c(25, 20) == pytest.approx(0.20910282659883662, rel=1e-12)  # printed 0.261
