"""How far the default step is from the zero-step limit, and that the error falls with the square of the step."""

import numpy as np
import pytest
from helpers import PLACES, TOTALS, limit, totals

import flashsale_lib as fs
from flashsale_lib.parameters import parameter

STEP = 0.25
HEALTHY = {
    "workers 40": dict(workers=40),
    "workers 80": dict(workers=80),
    "workers 160": dict(workers=160),
    "workers 320": dict(workers=320),
    "queue limit": dict(workers=120, queue_limit=500),
    "admission": dict(workers=1600, admit_rate=80),
    "burst": dict(workers=120, admit_rate=60, admit_burst=3000),
    "promise": dict(workers=120, max_wait=60),
    "dispatch rate": dict(workers=300, dispatch_rate=70),
    "stale intents": dict(workers=150, skip_stale=False),
    "protected": dict(workers=150, queue_limit=12000),
}
COLLAPSED = {"480": dict(workers=480), "800": dict(workers=800), "cliff": dict(workers=1600, admit_rate=90)}
CASES = [(name, p, 0.005) for name, p in HEALTHY.items()] + [(name, p, 0.02) for name, p in COLLAPSED.items()]


@pytest.mark.parametrize(("name", "design", "tolerance"), CASES, ids=[c[0] for c in CASES])
def test_every_total_at_the_default_step_is_near_the_zero_step_limit(name, design, tolerance):
    design = fs.Design.unlimited(**design)
    assert parameter("simulation", "dt").default == STEP
    exact, run = limit(design), totals(fs.simulate(design, record=False))
    for total in TOTALS:
        # A millionth of a buyer keeps totals that are zero in the limit from dividing by nothing.
        assert run[total] == pytest.approx(exact[total], rel=tolerance, abs=1e-6), total


def errors(design, steps, **scenario):
    """Sum over all places of |total - limit|, as a share of arrivals, at each step length."""
    exact = limit(design, dt=0.01, **scenario)
    runs = [totals(fs.simulate(design, dt=dt, record=False, **scenario)) for dt in steps]
    return np.array([sum(abs(r[p] - exact[p]) for p in PLACES) for r in runs]) / exact["arrived"]


def test_order_is_two_where_nothing_has_a_kink():
    """Timeouts, retries and a gateway that slows down, but no limit that switches: each halving quarters the error."""
    demand = fs.Demand.drop(window=120).scaled(0.11)
    steps = np.array([1, 0.5, 0.25, 0.125, 0.0625])
    error = errors(fs.Design.unlimited(attempts=5, timeout=2), steps, demand=demand)
    order = np.log2(error[:-1] / error[1:])
    print("error", error, "order", order)
    assert error[0] > 1e-5  # far above rounding, so that the ratio means something
    assert np.all((order > 1.9) & (order < 2.1))  # 1.96 to 2.00 measured


@pytest.mark.parametrize("name", HEALTHY)
def test_order_of_healthy_cases_with_limits_that_switch(name):
    """A queue that fills or empties inside a step makes the error of one step length a matter of luck: where in the step.

    So compare the worst of five step lengths up to h with the worst of five up to h/8. Over three halvings a
    first-order scheme gains a factor 8 and a second-order one 64. We ask for 16; the smallest measured is 20.
    """
    near = np.array([1, 0.93, 0.86, 0.79, 0.72]) * STEP
    design = fs.Design.unlimited(**HEALTHY[name])
    coarse, fine = errors(design, near).max(), errors(design, near / 8).max()
    print("error", coarse, fine, "order", np.log2(coarse / fine) / 3)
    assert coarse > 16 * fine
