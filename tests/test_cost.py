"""The bill: every item by hand, the published worked window, and price lists from a file."""

import csv
import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from helpers import STEADFAST, changed, steady

import flashsale_lib as fs
from flashsale_lib.decisions import cost
from flashsale_lib.parameters import parameters

INF = math.inf
CSV = Path(__file__).parent.parent / "data" / "prices.csv"
FREE = fs.Prices(
    **{f.name: 0 for f in dataclasses.fields(fs.Prices) if f.name not in ("calls_per_machine", "poll_interval")}
)
"""A price list on which everything is free, to put a price on one item at a time."""
EXACT = dict(rel=1e-12)
"""A hand computation multiplies the same few numbers in another order: rounding only."""


def rows():
    with CSV.open(encoding="utf-8", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def price(name):
    """A price as the published list has it."""
    return float(rows()[name]["price"])


def costs(outcome, prices=None):
    return fs.bill(outcome, prices).set_index("item").cost.to_dict()


# --- the price list -----------------------------------------------------------------------------------------------


def test_the_defaults_are_those_of_the_file():
    assert {name: float(row["price"]) for name, row in rows().items()} == dataclasses.asdict(fs.Prices())
    assert list(rows()) == [row.name for row in parameters("prices")]
    assert fs.Prices.from_csv(CSV) == fs.Prices()


def test_every_price_says_unit_source_and_date():
    for name, row in rows().items():
        assert all(row[column].strip() for column in ("unit", "what", "source", "read")), name
        year, month = row["read"].split("-")
        assert 2020 <= int(year) <= 2100 and 1 <= int(month) <= 12, name


def test_a_machine_is_its_processor_and_its_memory():
    assert price("machine_hour") == pytest.approx(0.04048 + 2 * 0.004445, **EXACT)


@pytest.mark.parametrize(
    ("text", "prices"),
    [
        ("name,price\nbasket,80\n", fs.Prices(basket=80)),
        ("price,name,note\n0.5,margin,ours\n\n90,basket,\n", fs.Prices(margin=0.5, basket=90)),
        ("\ufeffname,price\r\nbasket,80\r\n", fs.Prices(basket=80)),  # as a spreadsheet writes it
        ("name,price\npoll_interval,inf\n", fs.Prices(poll_interval=INF)),
        ("name,price\n", fs.Prices()),
    ],
)
def test_what_a_file_leaves_out_is_default(tmp_path, text, prices):
    (tmp_path / "prices.csv").write_bytes(text.encode())
    assert fs.Prices.from_csv(tmp_path / "prices.csv") == prices


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "no columns name and price; give it both, and a row per price"),
        (b"item,price\nbasket,60\n", "no columns name and price"),
        (b"name;price\nbasket;60\n", "no columns name and price"),
        (b"name,price\nmargin,0.3\nbasket,sixty\n", "row 3: price is 'sixty'; write a number"),
        (b"name,price\n\n\nbasket,\n", "row 4: price is ''; write a number"),
        (b"name,price\nbasket\n", "row 2: price is None; write a number"),
        (b"name,price\nbascet,60\n", "did you mean basket"),
        (b"price,name\n60\n", "unknown name"),
        (b"name,price\nbasket,-1\n", r"prices.basket is -1 \(\$\): must be a number from 0"),
        (b"name,price\nbasket,nan\n", "prices.basket is nan"),
        (b"name,price\nbasket,60\xff\n", "not a text file; save the table as CSV in UTF-8"),
    ],
)
def test_a_bad_file_is_named_with_its_row(tmp_path, text, message):
    path = tmp_path / "prices.csv"
    path.write_bytes(text)
    with pytest.raises(fs.ParameterError, match=message):
        fs.Prices.from_csv(path)


# --- one drop by hand ---------------------------------------------------------------------------------------------


def hand(outcome, prices, design):
    """The bill of one scenario, from the totals and the price list: nothing but arithmetic in plain numbers."""
    p = prices
    machine_second = p.machine_hour / 3600 / p.calls_per_machine
    warm = min(design.workers, design.warm_workers)
    window = outcome.steps * outcome.dt
    charges = outcome.paid + outcome.paid_late + outcome.double_charges + outcome.orphan_charges
    return {
        "workers": outcome.worker_seconds * machine_second,
        "workers on standby": (warm if warm < INF else 0) * p.standby * machine_second,
        "front door": design.door_servers * (window + p.standby) * machine_second,
        "requests": outcome.requests * p.request_million / 1e6,
        "looks at the queue": outcome.queue_seconds / p.poll_interval * p.request_million / 1e6,
        "queue operations": (outcome.admissions + outcome.retries) * p.queue_operations * p.queue_million / 1e6,
        "gateway fees": charges * (p.fee_share * p.basket + p.fee_fixed),
        "lost margin": (outcome.arrived - outcome.paid) * p.basket * p.margin,
    }


DESIGNS = {
    "protected": fs.Design(),
    "naive": fs.Design.naive(),
    "late charges, no keys": fs.Design.unlimited(workers=480, skip_stale=False, idempotency_lifetime=0),
    "20 warm, more by schedule": fs.Design(warm_workers=20, scale_at=10),
    "no worker limit": fs.Design.unlimited(admit_rate=60),
    "tiny": fs.Design(workers=3.5, door_servers=1),
}
PRICES = {
    "default": fs.Prices(),
    "other": fs.Prices(machine_hour=0.2, calls_per_machine=3, standby=60, request_million=3.5, poll_interval=20,
                       queue_million=0.5, queue_operations=5, fee_share=0.014, fee_fixed=0.25, basket=25, margin=0.7),
}  # fmt: skip


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("prices", PRICES)
def test_every_item_by_hand(design, prices):
    outcome = fs.simulate(DESIGNS[design], record=False)
    by_hand = hand(outcome, PRICES[prices], DESIGNS[design])
    assert costs(outcome, PRICES[prices]) == pytest.approx(by_hand, **EXACT)
    assert list(costs(outcome)) == list(by_hand), "in the order of the bill"
    running = sum(list(by_hand.values())[:6])
    assert cost.total(outcome, PRICES[prices]) == pytest.approx(running, **EXACT)
    assert fs.cost_per_order(outcome, PRICES[prices]) == pytest.approx(running / outcome.paid, **EXACT)


def test_a_drop_that_is_computed_on_paper():
    """10 buyers/s for 100 s, one call of one second each, nobody leaves: the totals themselves are known."""
    design = fs.Design.unlimited(workers=50, timeout=INF, door_servers=4)
    gateway = fs.PaymentGateway(service_time=1, contention=0, coherency=0, error_rate=0, decline_rate=0)
    outcome = fs.simulate(design, demand=steady(10, 100), buyers=STEADFAST, gateway=gateway)
    bill = fs.bill(outcome, fs.Prices(standby=500)).set_index("item")
    paid = 10 * (100 - 1)  # those who came in the last second are still in their call, 10 * 1 s of them
    expected = {
        "workers": 50 * 100 / 10,
        "workers on standby": 50 * 500 / 10,
        "front door": 4 * (100 + 500) / 10,
        "requests": 1000,
        "looks at the queue": 0,
        "queue operations": 3 * 1000,
        "gateway fees": paid,
        "lost margin": 1000 - paid,
    }
    # 1e-6: with 50 workers for 10 calls nobody queues; calls settle within exp(-100) of the steady 10.
    assert bill.quantity.to_dict() == pytest.approx(expected, rel=1e-6, abs=1e-6)
    units = ["machine-seconds"] * 3 + ["requests"] * 2 + ["operations", "charges", "orders"]
    assert bill.unit.tolist() == units
    assert bill.loc["gateway fees"].unit_price == pytest.approx(0.029 * 60 + 0.30, **EXACT)


def test_rows_add_up():
    for design in DESIGNS.values():
        outcome = fs.simulate(design, record=False)
        bill = fs.bill(outcome)
        assert (bill.cost == bill.quantity * bill.unit_price).all()
        assert (bill.cost >= 0).all()
        for kind, amount in bill.groupby("kind").cost.sum().items():
            assert cost.total(outcome, kind=kind) == pytest.approx(amount, **EXACT)


def test_fees_and_lost_margin_stand_apart():
    outcome = fs.simulate(fs.Design.naive(), record=False)
    kinds = fs.bill(outcome).set_index("item").kind
    assert kinds["gateway fees"] == cost.FEE == "fee"
    assert kinds["lost margin"] == cost.LOST == "lost"
    assert set(kinds.drop(["gateway fees", "lost margin"])) == {cost.RUNNING} == {"running"}
    dear = fs.Prices(fee_share=0.5, fee_fixed=7, basket=500, margin=1)
    assert fs.cost_per_order(outcome, dear) == fs.cost_per_order(outcome), "neither is in the cost of an order"


def test_a_charge_without_an_order_costs_a_fee_too():
    outcome = fs.simulate(fs.Design.naive(), record=False)
    assert outcome.orphan_charges > 1000
    charges = fs.bill(outcome).set_index("item").quantity["gateway fees"]
    assert charges == pytest.approx(outcome.paid + outcome.orphan_charges, **EXACT)


# --- machines -----------------------------------------------------------------------------------------------------


def test_workers_without_a_limit_pay_what_they_work():
    outcome = fs.simulate(fs.Design.unlimited(admit_rate=60), record=False)
    bill = fs.bill(outcome).set_index("item")
    assert outcome.worker_seconds == pytest.approx(outcome.busy_seconds, **EXACT)
    assert bill.quantity["workers"] == pytest.approx(outcome.busy_seconds / 10, **EXACT)
    assert bill.quantity["workers on standby"] == 0
    limited = fs.simulate(fs.Design.unlimited(admit_rate=60, workers=800), record=False)
    assert limited.busy_seconds == pytest.approx(outcome.busy_seconds, rel=1e-9)  # the limit of 800 never binds
    assert fs.bill(limited).set_index("item").quantity["workers"] == pytest.approx(800 * 900 / 10, **EXACT)


def test_only_warm_workers_stand_by_and_warming_is_paid():
    cold = fs.Design(workers=150, warm_workers=30, scale_at=100, scale_delay=60, scale_rate=5)
    outcome = fs.simulate(cold, record=False)
    bill = fs.bill(outcome).set_index("item")
    assert bill.quantity["workers on standby"] == 30 * 6300 / 10
    # 30 until they are called at 100 s; 5/s more from the call on, though none works before 160 s; 150 from 124 s on.
    # abs: the rate of the ramp is taken at the end of each step of 0.25 s.
    assert outcome.worker_seconds == pytest.approx(30 * 100 + 24 * 90 + 150 * (900 - 124), abs=0.25 * 120)
    warm = fs.simulate(changed(cold, warm_workers=INF), record=False)
    assert cost.total(outcome) < cost.total(warm)


def test_standby_is_a_choice():
    outcome = fs.simulate(record=False)
    stays = costs(outcome, fs.Prices(standby=0))
    assert stays["workers on standby"] == 0
    assert stays["front door"] == pytest.approx(24 / 10 * 900 / 3600 * price("machine_hour"), **EXACT)
    never = costs(outcome, fs.Prices(poll_interval=INF))
    assert never["looks at the queue"] == 0


# --- buyer by buyer -----------------------------------------------------------------------------------------------

TENTH = dict(
    demand=fs.Demand.drop().scaled(0.1), gateway=fs.PaymentGateway(contention=0.02, coherency=3.9e-3, call_limit=120)
)
"""A tenth of the buyers, and a gateway whose best number of calls is a tenth: a second each to play buyer by buyer."""


@pytest.mark.parametrize(
    "design",
    [
        fs.Design(workers=15, queue_limit=1200, admit_burst=10),
        fs.Design(workers=15, queue_limit=1200, door_servers=3, warm_workers=2, scale_queue=10, scale_rate=0.5),
        fs.Design.unlimited(admit_rate=6, admit_burst=10),
    ],
    ids=["protected", "called by the queue", "no worker limit"],
)
def test_the_twin_gets_the_same_bill(design):
    engine = costs(fs.simulate(design, record=False, **TENTH))
    twins = fs.twin(design, **TENTH, seed=1, replications=6)
    bills = np.array([list(costs(twin).values()) for twin in twins])
    assert list(costs(twins[0])) == list(engine)
    error = bills.std(axis=0, ddof=1) / math.sqrt(len(twins))
    # As in validation.py: 2 %, the fluid's own error, or three standard errors of the twins' mean, chance.
    for item, found, chance in zip(engine, bills.mean(axis=0), error, strict=True):
        assert abs(found - engine[item]) <= max(0.02 * engine[item], 3 * chance), item
    for item in ("workers on standby", "front door"):  # nothing random in them
        assert costs(twins[0])[item] == pytest.approx(engine[item], **EXACT)


def test_a_twin_pays_for_its_workers_by_the_second_and_has_a_scorecard():
    twin = fs.twin(fs.Design(workers=15, queue_limit=1200), **TENTH, seed=1)
    # On average a call takes 0.8 s or more.
    assert twin.worker_seconds == 15 * 900 > twin.busy_seconds > twin.calls * 0.7
    assert fs.cost_per_order(twin) == pytest.approx(cost.total(twin) / twin.paid, **EXACT)
    card = fs.score(twin).set_index("target").measured
    assert card["served_share"] == twin.paid / twin.arrived and card["wait_p95"] == twin.wait_quantile(0.95)


# --- the published worked window (facts, section 3.5) ---------------------------------------------------------------


def test_machines_of_a_window_and_of_a_month():
    """20 machines of 1 vCPU and 2 GB for 2 hours are $1.97; left on all month, 365 times that."""
    design = fs.Design.unlimited(workers=200)  # 10 calls a machine
    outcome = fs.simulate(design, demand=steady(1, 900), record=False)
    assert 900 + price("standby") == 2 * 3600, "a window of 15 minutes, and machines that are up for 2 hours"
    bill = costs(outcome)
    assert round(bill["workers"] + bill["workers on standby"], 2) == 1.97
    month = costs(outcome, fs.Prices(standby=730 * 3600 - 900))
    assert round(month["workers"] + month["workers on standby"]) == 721
    ratio = (month["workers"] + month["workers on standby"]) / (bill["workers"] + bill["workers on standby"])
    assert ratio == pytest.approx(365, **EXACT)


def test_fee_of_one_order():
    outcome = fs.simulate(record=False)
    fee = fs.bill(outcome).set_index("item").unit_price["gateway fees"]
    assert round(fee, 2) == 2.04
    assert round(price("basket") * price("fee_share") + price("fee_fixed"), 2) == 2.04


def test_looks_at_the_queue_and_passages_through_it():
    """20,000 buyers who look 20 times each are $0.40; three operations on the queue for each of them $0.024."""
    # A queue nobody is served from: 20,000 come at once and stay 100 s, so 20 looks at one in 5 s.
    crowd = fs.Demand([0, 0.25, 0.25, 100], [80_000, 80_000, 0, 0])
    outcome = fs.simulate(fs.Design.unlimited(workers=0), demand=crowd, buyers=STEADFAST, record=False)
    bill = costs(outcome)
    # 1 cent and a tenth of one: the precision of the published figures. Looks start as the crowd comes, within 0.25 s.
    assert round(bill["looks at the queue"], 2) == 0.40
    assert round(bill["queue operations"], 3) == 0.024
    assert round(bill["requests"], 2) == 0.02


# --- batches ------------------------------------------------------------------------------------------------------


def test_a_batch_is_billed_scenario_by_scenario():
    workers = [40.0, 160.0, INF]
    outcome = fs.simulate(fs.Design(workers=[[w] for w in workers], attempts=[1, 3]), record=False)
    bill = fs.bill(outcome)
    assert list(bill.columns) == ["axis_0", "axis_1", "item", "kind", "quantity", "unit", "unit_price", "cost"]
    assert len(bill) == 3 * 2 * 8
    assert cost.total(outcome).shape == fs.cost_per_order(outcome).shape == (3, 2)
    for i, w in enumerate(workers):
        for j, attempts in enumerate([1, 3]):
            one = fs.simulate(fs.Design(workers=w, attempts=attempts), record=False)
            part = bill[(bill.axis_0 == i) & (bill.axis_1 == j)].drop(columns=["axis_0", "axis_1"])
            assert part.reset_index(drop=True).equals(fs.bill(one))
            assert fs.cost_per_order(outcome)[i, j] == fs.cost_per_order(one)


@pytest.mark.parametrize("name", [row.name for row in parameters("prices")])
def test_prices_broadcast_with_the_scenario(name):
    values = [0.1, 0.4, 0.9]
    design = fs.Design(workers=[[40], [160]])
    outcome = fs.simulate(design, record=False)
    prices = fs.Prices(**{name: values})
    assert len(fs.bill(outcome, prices)) == 2 * 3 * 8
    for kind in (cost.RUNNING, cost.FEE, cost.LOST):
        together = np.broadcast_to(cost.total(outcome, prices, kind), (2, 3))
        for j, value in enumerate(values):
            alone = cost.total(outcome, fs.Prices(**{name: value}), kind)
            assert together[:, j] == pytest.approx(np.ravel(alone), **EXACT)


def test_array_prices_for_one_scenario():
    outcome = fs.simulate(record=False)
    per_order = fs.cost_per_order(outcome, fs.Prices(machine_hour=[0, 0.05, 0.1]))
    assert per_order.shape == (3,)
    assert np.diff(per_order, 2) == pytest.approx(0, abs=1e-15)  # linear in the price; rounding of numbers near 1e-4
    assert isinstance(fs.cost_per_order(outcome), float) and isinstance(cost.total(outcome), float)


# --- edges --------------------------------------------------------------------------------------------------------


def test_nothing_sold_has_no_cost_per_order():
    closed = fs.simulate(fs.Design(workers=0), record=False)
    assert closed.paid == 0
    assert fs.cost_per_order(closed) == INF
    assert fs.cost_per_order(closed, FREE) == INF
    both = fs.cost_per_order(fs.simulate(fs.Design(workers=[0, 150]), record=False))
    assert both[0] == INF and 0 < both[1] < 1


def test_next_to_nothing_sold_overflows_to_infinity():
    faint = fs.Demand([0, 900], [1e-313, 1e-313])
    outcome = fs.simulate(demand=faint, record=False)
    assert 0 < outcome.paid < 1e-300
    assert fs.cost_per_order(outcome) == INF


def test_free_of_charge():
    outcome = fs.simulate(record=False)
    assert costs(outcome, FREE) == dict.fromkeys(costs(outcome), 0.0)
    assert fs.cost_per_order(outcome, FREE) == 0


@pytest.mark.parametrize("read", [fs.bill, fs.cost_per_order, fs.score])
def test_several_replications_are_taken_one_by_one(read):
    several = fs.twin(fs.Design(), demand=fs.Demand([0, 60], [1, 1]), replications=2)
    with pytest.raises(fs.ParameterError, match="outcome is a list of 2: must be one outcome; take each"):
        read(several)
    for each in several:
        read(each)
