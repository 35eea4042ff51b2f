"""The scorecard: which targets a design meets, and by how much."""

import dataclasses
import math

import numpy as np
import pytest
from helpers import changed, steady

import flashsale_lib as fs
from flashsale_lib.decisions import scorecard
from flashsale_lib.parameters import parameters

INF = math.inf
NAMES = [row.name for row in parameters("targets")]
NOBODY = fs.Demand([0, 60], [0, 0])
STRICT = fs.Targets(**dict.fromkeys(NAMES, 0.0))
DESIGNS = {
    "protected": fs.Design(),
    "naive": fs.Design.naive(),
    "saturated": fs.Design.unlimited(workers=40),
    "tight": fs.Design(workers=120, queue_limit=500),
    "closed": fs.Design(admit_rate=0, admit_burst=0),
    "no workers": fs.Design(workers=0),
}


def rows(outcome, *args):
    return fs.score(outcome, *args).set_index("target")


def test_the_protected_design_meets_every_target():
    outcome = fs.simulate(record=False)
    table = fs.score(outcome)
    assert list(table.columns) == ["target", "limit", "measured", "met", "margin"]
    assert table.target.tolist() == NAMES
    assert table.met.all() and (table.margin > 0).all()
    assert scorecard.met(outcome) is True


def test_the_naive_design_does_not():
    outcome = fs.simulate(fs.Design.naive(), record=False)
    table = rows(outcome)
    missed = table.index[~table.met].tolist()
    # Two are met: the door is quick, and who is let in is called at once. The gateway then fails them.
    assert missed == ["gateway_load", "response_time", "failed_share", "cost_per_order", "served_share"]
    assert scorecard.met(outcome) is False


@pytest.mark.parametrize("name", DESIGNS)
def test_measures_by_hand(name):
    outcome = fs.simulate(DESIGNS[name], record=False)
    let_in = outcome.admissions
    expected = {
        "accept_p99": outcome.accept_quantile(0.99),
        "gateway_load": outcome.max_in_flight / math.sqrt((1 - 0.002) / 3.9e-5),
        "response_time": outcome.worst_response_time,
        "failed_share": (outcome.dead_lettered + outcome.recovering) / let_in if let_in else 0.0,
        "wait_p95": outcome.wait_quantile(0.95) if let_in else 0.0,
        "cost_per_order": fs.cost_per_order(outcome),
        "served_share": outcome.paid / outcome.arrived,
    }
    # 1e-12: the same divisions; only the square root may round differently.
    assert {k: float(v) for k, v in scorecard.measures(outcome).items()} == pytest.approx(expected, rel=1e-12)


def test_still_recovering_counts_as_failed():
    ill = fs.PaymentGateway().brownout(840, 900, 0.0)  # dead for the last minute
    outcome = fs.simulate(demand=steady(50, 900), gateway=ill, record=False)
    assert outcome.recovering > 50
    failed = (outcome.dead_lettered + outcome.recovering) / outcome.admissions
    assert scorecard.measures(outcome)["failed_share"] == pytest.approx(failed, rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_met_and_margin_on_either_side_of_a_limit(name):
    outcome = fs.simulate(record=False)
    measured = float(scorecard.measures(outcome)[name])
    floor = name == "served_share"
    for factor in (0.5, 1.0, 2.0):
        limit = measured * factor
        if floor and limit > 1:
            limit = 1.0
        row = rows(outcome, changed(fs.Targets(), **{name: limit})).loc[name]
        assert row.limit == limit and row.measured == measured
        assert row.met == (measured >= limit if floor else measured <= limit)
        assert row.met == (row.margin >= 0), "the sign of the margin is the verdict"
        assert row.margin == pytest.approx((measured - limit if floor else limit - measured) / limit, rel=1e-12)
    assert rows(outcome, changed(fs.Targets(), **{name: measured})).met[name], "a limit itself is met"


def test_a_limit_of_zero_has_no_margin():
    table = rows(fs.simulate(record=False), STRICT)
    assert table.margin.isna().all()
    assert table.index[table.met].tolist() == ["served_share"]


def test_nobody_came():
    outcome = fs.simulate(demand=NOBODY, record=False)
    table = rows(outcome)
    assert table.measured.to_dict() == {
        "accept_p99": 0, "gateway_load": 0, "response_time": 0.8, "failed_share": 0, "wait_p95": 0,
        "cost_per_order": INF, "served_share": 1,
    }  # fmt: skip
    assert table.index[~table.met].tolist() == ["cost_per_order"], (
        "machines for nobody: the one thing to complain about"
    )
    assert table.margin["cost_per_order"] == -INF


@pytest.mark.parametrize("name", ["closed", "no workers"])
def test_selling_nothing_is_no_perfect_design(name):
    table = rows(fs.simulate(DESIGNS[name], record=False))
    assert table.measured["served_share"] == 0
    assert not table.met["served_share"] and table.margin["served_share"] == -1
    assert table.met[["gateway_load", "response_time", "failed_share"]].all(), "all that it spared is in order"


def test_a_gateway_without_a_best_number_is_never_pushed_past_it():
    outcome = fs.simulate(fs.Design.naive(), gateway=fs.PaymentGateway(coherency=0), record=False)
    assert rows(outcome).measured["gateway_load"] == 0


def test_a_batch_is_scored_scenario_by_scenario():
    design = fs.Design(workers=[[40], [150], [800]], queue_limit=[500, 12_000])
    gateway = fs.PaymentGateway(coherency=[[3.9e-5], [1e-6], [3.9e-5]])
    demand = fs.Demand.drop().scaled([1, 0])
    outcome = fs.simulate(design, gateway=gateway, demand=demand, record=False)
    table, verdicts = fs.score(outcome), scorecard.met(outcome)
    assert list(table.columns) == ["axis_0", "axis_1", "target", "limit", "measured", "met", "margin"]
    assert verdicts.shape == (3, 2) and verdicts.dtype == bool
    for i, (workers, coherency) in enumerate([(40, 3.9e-5), (150, 1e-6), (800, 3.9e-5)]):
        for j, (limit, k) in enumerate([(500, 1), (12_000, 0)]):
            one = fs.simulate(
                fs.Design(workers=workers, queue_limit=limit),
                gateway=fs.PaymentGateway(coherency=coherency),
                demand=fs.Demand.drop().scaled(k),
                record=False,
            )
            part = table[(table.axis_0 == i) & (table.axis_1 == j)].drop(columns=["axis_0", "axis_1"])
            alone = fs.score(one)
            assert part.target.tolist() == NAMES
            assert part.measured.tolist() == pytest.approx(alone.measured.tolist(), rel=1e-12)  # sums in another order
            assert part.met.tolist() == alone.met.tolist()
            assert verdicts[i, j] == scorecard.met(one) == alone.met.all()


def test_met_is_what_the_table_says():
    sizes = np.random.default_rng(1).uniform([10, 100], [400, 20_000], (60, 2)).T
    outcome = fs.simulate(fs.Design(workers=sizes[0], queue_limit=sizes[1]), record=False)
    targets, prices = fs.Targets(wait_p95=60, served_share=0.4), fs.Prices(machine_hour=0.1)
    for args in ((), (targets,), (targets, prices)):
        by_table = fs.score(outcome, *args).groupby("axis_0").met.all().to_numpy()
        assert scorecard.met(outcome, *args).tolist() == by_table.tolist()
        assert 0 < by_table.sum() < 60, "both kinds must occur"


def test_targets_and_prices_may_be_arrays():
    outcome = fs.simulate(record=False)
    wait = outcome.wait_quantile(0.95)
    targets = fs.Targets(wait_p95=[wait - 1, wait + 1])
    assert scorecard.met(outcome, targets).tolist() == [False, True]
    table = fs.score(outcome, targets)
    assert table[table.target == "wait_p95"].met.tolist() == [False, True]
    prices = fs.Prices(machine_hour=[0.05, 5.0, 0.05])
    assert scorecard.met(outcome, prices=prices).tolist() == [True, False, True]
    table = fs.score(outcome, prices=prices)
    assert table[table.target == "cost_per_order"].met.tolist() == [True, False, True]
    assert table.groupby("axis_0").met.all().tolist() == [True, False, True]
    both = fs.score(fs.simulate(fs.Design(workers=[150, 160]), record=False), fs.Targets(served_share=[[0.1], [0.9]]))
    assert len(both) == 2 * 2 * 7


def test_defaults_are_those_of_the_table():
    assert dataclasses.asdict(fs.Targets()) == {row.name: row.default for row in parameters("targets")}
    assert list(scorecard.measures(fs.simulate(record=False))) == NAMES
    with pytest.raises(fs.UnknownParameterError, match="did you mean served_share"):
        fs.Targets(served_shares=1)


def test_half_a_buyer_is_a_buyer_and_on_the_limit_is_met():
    outcome = fs.simulate(demand=fs.Demand([0, 600, 600, 700], [0.5 / 600, 0.5 / 600, 0, 0]))
    share = outcome.paid / outcome.arrived
    assert outcome.arrived == pytest.approx(0.5) and 0.8 < share < 1
    row = fs.score(outcome, fs.Targets(served_share=share)).set_index("target").loc["served_share"]
    assert (row.measured, bool(row.met), row.margin) == (share, True, 0.0)
    wait = fs.Targets(wait_p95=outcome.wait_quantile(0.95))
    assert bool(fs.score(outcome, wait).set_index("target").met["wait_p95"])


def test_the_share_that_failed_is_the_error_rate_even_of_half_a_buyer():
    gateway = fs.PaymentGateway(error_rate=0.3)
    demand = fs.Demand([0, 600, 600, 700], [0.5 / 600, 0.5 / 600, 0, 0])
    outcome = fs.simulate(fs.Design(attempts=1), demand=demand, gateway=gateway, record=False)
    # Calls of 0.8 s that are cut at 10 s: 4e-6 of them time out.
    assert scorecard.measures(outcome)["failed_share"] == pytest.approx(0.3, rel=1e-4)


def test_targets_that_are_met_exactly_are_met():
    outcome = fs.simulate(record=False)
    exact = {name: float(value) for name, value in scorecard.measures(outcome).items()}
    assert scorecard.met(outcome, fs.Targets(**exact)) is True
    for name in NAMES:
        worse = np.nextafter(exact[name], 2 if name == "served_share" else 0)
        assert scorecard.met(outcome, fs.Targets(**{**exact, name: worse})) is False, name
