"""The fluid engine against `buyers.py`, an event simulation of every single buyer that shares no code with it."""

from functools import cache

import numpy as np
import pytest
from buyers import Shop, steady, surge

import flashsale_lib as fs

TOTALS = ["paid", "paid_late", "declined", "turned_away", "gave_up", "dead_lettered"]
SEEDS = 3  # the seeds are fixed: a failure is a change of the code
DROP, QUARTER = 33_550, 36_000  # buyers in the default drop, and at 40/s for a quarter of an hour

# Share of arrivals by which a total may differ. Half a per cent: the largest of the healthy gaps is 0.2 %, and three
# runs of a thousand-odd declines leave 0.1 % of noise. Collapsed: a fixed timeout is not the memoryless hazard.
HEALTHY, COLLAPSED = 0.005, 0.02
SCENARIOS = {
    "healthy": (dict(workers=160), HEALTHY),
    "saturated": (dict(workers=40), HEALTHY),
    "tight door": (dict(workers=120, queue_limit=500), HEALTHY),
    "token bucket": (dict(workers=1600, admit_rate=80), HEALTHY),
    "skip_stale off": (dict(workers=120, skip_stale=False), HEALTHY),
    "brownout": (dict(workers=160, brownout=(300, 360, 0.2)), HEALTHY),
    "collapsed": (dict(workers=800), COLLAPSED),
    "collapsed, memoryless": (dict(workers=800, memoryless=True), HEALTHY),
}


@cache
def engine(name):
    design = {k: v for k, v in SCENARIOS[name][0].items() if k not in ("brownout", "memoryless")}
    scenario = {}
    if "brownout" in SCENARIOS[name][0]:
        scenario = dict(
            demand=fs.Demand([0, 900], [40, 40]),
            gateway=fs.PaymentGateway().brownout(*SCENARIOS[name][0]["brownout"]),
        )
    return fs.simulate(fs.Design.unlimited(**design), **scenario, record=False)


@cache
def shops(name):
    if "brownout" in SCENARIOS[name][0]:
        return [Shop(steady(QUARTER, s, 900), s, **SCENARIOS[name][0]).play() for s in range(SEEDS)]
    seeds = SEEDS if SCENARIOS[name][0]["workers"] != 800 else 2  # a collapse makes four times as many calls
    return [Shop(surge(DROP, s), s, **SCENARIOS[name][0]).play() for s in range(seeds)]


def mean_and_error(values):
    return np.mean(values), np.std(values, ddof=1) / len(values) ** 0.5


@pytest.mark.parametrize("name", SCENARIOS)
def test_where_buyers_end(name):
    share = SCENARIOS[name][1] * engine(name).arrived
    for total in TOTALS:
        mean, error = mean_and_error([shop.ends[total] for shop in shops(name)])
        got = getattr(engine(name), total)
        print(f"{total}: engine {got:.0f}, buyers {mean:.0f} +- {error:.0f}")
        assert abs(got - mean) < max(share, 3 * error), total


@pytest.mark.parametrize(
    ("name", "queue", "wait"),
    [
        # Relative tolerance of the longest queue and of the wait (95th percentile); chance alone is below 1 % here.
        ("healthy", 0.02, 0.02),
        ("saturated", 0.02, 0.02),
        ("skip_stale off", 0.02, 0.02),
        ("tight door", 0.02, 0.06),  # behind 500 others: chance adds sqrt(500) calls to a wait of 6 s
        ("collapsed, memoryless", 0.06, 0.06),  # 3 standard errors of the longest queue are 7 %
    ],
)
def test_longest_queue_and_waits(name, queue, wait):
    longest, _ = mean_and_error([shop.max_queue for shop in shops(name)])
    waited, _ = mean_and_error([np.quantile(shop.waits, 0.95) for shop in shops(name)])
    print(
        f"queue {engine(name).max_queue:.0f} and {longest:.0f}, wait {engine(name).wait_quantile(0.95):.2f} and {waited:.2f} s"
    )
    assert engine(name).max_queue == pytest.approx(longest, rel=queue)
    assert engine(name).wait_quantile(0.95) == pytest.approx(waited, rel=wait)


def test_known_gap_a_fixed_timeout_lets_the_queue_of_a_collapse_grow_longer():
    """The design replaces a fixed timeout by a hazard, exact once the ages of the calls have settled.

    In the naive design all 800 calls start within two seconds, so with a fixed timeout none is abandoned for ten
    seconds, in which the real queue grows by a further 40 %. Who ends where hardly changes. If this test fails because
    the gap has closed, the model got better: say so in the notebooks.
    """
    fixed, _ = mean_and_error([shop.max_queue for shop in shops("collapsed")])
    assert 0.6 < engine("collapsed").max_queue / fixed < 0.8


def test_known_gap_chance_decides_whether_a_60_second_brownout_heals():
    """At 240 workers the fluid never heals; of six individual runs four heal after 60 s, and none after 120 s."""

    def paid(length):
        brownout = (300, 300 + length, 0.2)
        return Shop(steady(QUARTER, 5, 900), 5, workers=240, brownout=brownout).play().ends["paid"]

    def fluid(length):
        gateway = fs.PaymentGateway().brownout(300, 300 + length, 0.2)
        return fs.simulate(fs.Design.unlimited(workers=240), demand=fs.Demand([0, 900], [40, 40]), gateway=gateway).paid

    assert paid(60) > 0.75 * QUARTER > fluid(60)  # this seed is one of those that heal
    assert paid(120) == pytest.approx(fluid(120), rel=0.05)
