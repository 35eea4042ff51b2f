"""The conservation law and plain sanity, over the whole space of legal parameters."""

import dataclasses
import math

import numpy as np
import pytest
from helpers import PLACES, TOTALS
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import flashsale_lib as fs
from flashsale_lib.model import step
from flashsale_lib.model.outcome import PLACES as PLACE_ROWS
from flashsale_lib.model.outcome import SERIES
from flashsale_lib.parameters import parameters

# Derandomized: the same examples in every run, so a failure is a change of the code and never luck.
STABLE = dict(derandomize=True, deadline=None, database=None, phases=[Phase.generate])
SMALLEST = 1e-4  # of a parameter that may be zero, apart from zero itself


def between(low, high, u):
    """Evenly in the logarithm."""
    return min(max(low * (high / low) ** u, low), high)


def legal(row, chance):
    """Any legal value: the bounds, infinity and the default (a third), near the default (a third), anything (a third)."""
    if row.flag:
        return chance.random() < 0.5
    edges = [row.low, row.high, row.default] + [math.inf] * row.unlimited
    usual = row.default if 0 < row.default < math.inf else 100.0
    near = between(max(row.low, usual / 30), min(row.high, usual * 30), chance.random())
    anything = between(max(row.low, SMALLEST), row.high, chance.random())
    value = chance.choice([chance.choice(edges), near, anything])
    return float(round(value)) if row.whole else value


def part(kind, owner, chance):
    return kind(**{row.name: legal(row, chance) for row in parameters(owner)})


def demand_and_step(chance, steps):
    """A few knots, some of them jumps, from no demand at all to a million buyers a second."""

    def rate():
        return chance.choice([0.0, between(1e-3, 1e6, chance.random()), between(1, 1000, chance.random())])

    dt = between(0.01, 10, chance.random())
    knots = chance.randint(1, 6)
    time = np.cumsum([0.0, *(chance.choice([0.0, 1.0, 3.0]) for _ in range(knots))])
    time[-1] += 1.0
    window = dt * chance.randint(1, steps) * chance.choice([1.0, 0.7])
    start = chance.choice([0.0, -5.0, 1e5])
    return fs.Demand(start + time * (window / time[-1]), [rate() for _ in range(knots + 1)]), dt


def scenario(chance, steps):
    demand, dt = demand_and_step(chance, steps)
    gateway = part(fs.PaymentGateway, "gateway", chance)
    for _ in range(chance.randint(0, 3)):  # they may overlap, or lie outside the window; a third of them dead
        begin = demand.time[0] + chance.uniform(-0.2, 1.2) * demand.window
        health = max(0.0, chance.uniform(-0.5, 1.0))
        gateway = gateway.brownout(begin, begin + chance.random() * demand.window, health)
    buyers, design = part(fs.Buyers, "buyers", chance), part(fs.Design, "design", chance)
    return dict(design=design, demand=demand, buyers=buyers, gateway=gateway, dt=dt)


def scenarios(steps):
    """Uniform draws: hypothesis' own numbers huddle at the small end, which here is a shop without demand."""
    return st.randoms(use_true_random=True).map(lambda chance: scenario(chance, steps))


def paths(outcome):
    """Buyers in each place at every instant, shape (places, steps + 1), and all who have arrived."""
    recorded = outcome.recorded[0]
    return recorded[[PLACE_ROWS[place][0] for place in PLACES]], recorded[step.ARRIVED]


def assert_sound(outcome):
    where, arrived = paths(outcome)
    # 1e-9 of those who have arrived by that instant; the epsilon is for an instant at which nobody has.
    assert np.all(np.abs(where.sum(axis=0) - arrived) <= 1e-9 * arrived + 1e-12)
    assert np.all(where >= 0), PLACES[int(np.argmin(where.min(axis=1)))]
    for name in SERIES:
        values = outcome.series(name)
        assert np.all(np.isfinite(values)), name
        assert np.all(values >= 0), name
    assert np.all(outcome.response_time > 0)
    assert np.all(outcome.wait <= outcome.dt * outcome.steps * (1 + 1e-12))
    assert outcome.arrived == pytest.approx(outcome.scenario[1].total, rel=1e-9)


@given(scenarios(steps=400))
@settings(max_examples=1000, **STABLE)
def test_every_buyer_is_somewhere_at_every_instant(case):
    assert_sound(fs.simulate(**case))


@given(scenarios(steps=60))
@settings(max_examples=150, **STABLE)
def test_compiled_and_plain_python_agree(case):
    pytest.importorskip("numba")
    fast, plain = (fs.simulate(**case, compiled=c) for c in (True, False))
    assert np.all(np.abs(paths(fast)[0] - paths(plain)[0]) <= 1e-9 * fast.arrived)


@given(scenarios(steps=200))
@settings(max_examples=100, **STABLE)
def test_totals_do_not_depend_on_recording(case):
    recorded, bare = fs.simulate(**case), fs.simulate(**case, record=False)
    for total in TOTALS:
        assert getattr(recorded, total) == getattr(bare, total), total
    assert np.array_equal(recorded.waits, bare.waits)
    assert bare.recorded is None


def test_the_check_itself_notices_a_lost_buyer():
    outcome = fs.simulate()
    assert_sound(outcome)
    forged = outcome.recorded.copy()
    forged[0, PLACE_ROWS["paid"][0], -1] += 1e-3
    with pytest.raises(AssertionError):
        assert_sound(dataclasses.replace(outcome, recorded=forged))
