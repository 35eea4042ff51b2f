"""What an Outcome says, recomputed from the raw series."""

import copy
import math
import pickle

import numpy as np
import pytest
from helpers import PLACES, PLAIN, STEADFAST, changed, steady

import flashsale_lib as fs
from flashsale_lib.model.outcome import FLOWS, LEVELS, SERIES

INF = math.inf
RUNS = {
    "protected": fs.Design(),
    "naive": fs.Design.naive(),
    "saturated": fs.Design.unlimited(workers=40),
    "short waits": fs.Design.unlimited(workers=120, queue_limit=500),
    "stale": fs.Design.unlimited(workers=120, skip_stale=False),
}
SHARES = [0.05, 0.25, 0.5, 0.9, 0.95, 0.99]


@pytest.mark.parametrize("name", RUNS)
def test_wait_quantiles_are_weighted_by_the_buyers_who_waited(name):
    """A plain weighted quantile: sort the waits, add up the buyers let in who were still there."""
    outcome = fs.simulate(RUNS[name])
    wait = 0.5 * (outcome.wait[1:] + outcome.wait[:-1])
    buyers = outcome.admitted[1:] * outcome.dt * np.exp(-wait / 300)
    order = np.argsort(wait)
    share = (np.cumsum(buyers[order]) - 0.5 * buyers[order]) / buyers.sum()
    exact = np.interp(SHARES, share, wait[order])
    # 1 %: bins are 0.6 % wide; 0.05 s: the waits themselves stand 0.1 s apart where the queue grows fast.
    assert outcome.wait_quantile(SHARES) == pytest.approx(exact, rel=0.01, abs=0.05)
    unweighted = np.quantile(wait, SHARES)
    assert np.abs(outcome.wait_quantile(SHARES) - unweighted).max() > 0.5, "weights must matter in these runs"


def test_wait_quantiles_of_a_known_wait():
    outcome = fs.simulate(
        fs.Design.unlimited(workers=20, queue_limit=240, timeout=INF),
        demand=steady(100, 3600),
        buyers=STEADFAST,
        gateway=PLAIN,
    )
    assert outcome.wait_quantile([0.1, 0.5, 0.9]) == pytest.approx(240 / 20, rel=0.007)  # one bin


def test_nobody_waits_in_an_empty_queue():
    outcome = fs.simulate(fs.Design.unlimited(workers=120), demand=steady(20, 100))
    assert outcome.wait_quantile([0.5, 1.0]).tolist() == [0, 0]


def test_quantiles_need_no_series_but_latency_does():
    bare = fs.simulate(record=False)
    assert bare.wait_quantile(SHARES).tolist() == fs.simulate().wait_quantile(SHARES).tolist()
    for use in (
        lambda: bare.latency_quantile(0.5),
        lambda: bare.queue,
        lambda: bare.frame(),
        lambda: bare.ledger(over_time=True),
    ):
        with pytest.raises(fs.ParameterError, match=r"was not recorded; call simulate\(\.\.\., record=True\)"):
            use()


@pytest.mark.parametrize("q", SHARES)
def test_latency_without_a_queue_is_an_exponential_call(q):
    outcome = fs.simulate(fs.Design.unlimited(timeout=INF), demand=steady(20, 60), buyers=STEADFAST, gateway=PLAIN)
    assert outcome.latency_quantile(q) == pytest.approx(-math.log(1 - q), rel=1e-9)


def test_latency_in_a_window_of_one_step():
    outcome = fs.simulate(fs.Design.unlimited(timeout=INF), demand=steady(20, 0.25), buyers=STEADFAST, gateway=PLAIN)
    assert outcome.latency_quantile(0.5) == pytest.approx(math.log(2), rel=1e-9)


@pytest.mark.parametrize("rate", [100, 2])  # calls per second: 25 or half a call in a step
def test_latency_of_calls_half_of_which_are_refused(rate):
    """Twice what the gateway takes: half the calls last 1 s on average, half come back after 0.2 s."""
    gateway = changed(PLAIN, call_limit=rate / 2, error_time=0.2)
    design = fs.Design.unlimited(timeout=INF, attempts=1, workers=1e4)
    outcome = fs.simulate(design, demand=steady(rate, 2000), buyers=STEADFAST, gateway=gateway)
    at = outcome.latency_quantile([0.2, 0.5, 0.9])
    # 1e-3: while the gateway fills, in the first of 2000 seconds, nobody is refused.
    assert 0.5 * np.exp(-at) + 0.5 * np.exp(-at / 0.2) == pytest.approx([0.8, 0.5, 0.1], rel=1e-3)


def test_refused_calls_are_left_out_of_the_time_of_a_call():
    """100 s of 50 calls/s of 0.8 s, then 100 s in which calls last 8 s and the gateway takes 60/8 a second of the 50."""
    gateway = changed(PLAIN, service_time=0.8, call_limit=60).brownout(100, 200, 0.1)
    design = fs.Design.unlimited(timeout=INF, attempts=1)
    outcome = fs.simulate(design, demand=steady(50, 200), buyers=STEADFAST, gateway=gateway)
    taken = np.array([5000, 60 / 8 * 100 + 20]) / 5770  # 20: the gateway held 40 calls, and is full at 60
    for t in (0.5, 1.0, 5.0):
        share = 1 - taken @ np.exp([-t / 0.8, -t / 8])
        # 1.5 %: in the step of the change 12 of 5770 calls get a time between 0.8 s and 8 s; it is worth 0.9 % here.
        assert outcome.call_quantile(share) == pytest.approx(t, rel=0.015)


def test_a_call_takes_as_long_as_the_gateway_does_when_it_starts():
    """Joined at a < 30 s, called at 2a: of the later half, calls last 10 s instead of 1 s."""
    gateway = PLAIN.brownout(30, 200, 0.1)
    design = fs.Design.unlimited(timeout=INF, attempts=1, dispatch_rate=5)
    demand = fs.Demand([0, 30, 30, 200], [10, 10, 0, 0])
    outcome = fs.simulate(design, demand=demand, buyers=STEADFAST, gateway=gateway)
    beyond = 0.5 * 10 / 15 * (math.exp(-1.5) - math.exp(-3))  # share of the later half whose a + call is above 45 s
    assert outcome.latency_quantile(1 - beyond) == pytest.approx(45, abs=0.25)  # one step


def test_latency_leaves_out_those_whose_call_did_not_begin():
    """300 come in 30 s, one call begins per second, the window ends at 100 s: the 100 served waited 0 to 90 s."""
    design = fs.Design.unlimited(timeout=INF, attempts=1, dispatch_rate=1)
    outcome = fs.simulate(design, demand=fs.Demand([0, 30, 30, 100], [10, 10, 0, 0]), buyers=STEADFAST, gateway=PLAIN)
    assert outcome.latency_quantile(0.5) == pytest.approx(45 + 1, abs=2)  # a step is worth 2.5 s of waiting


def test_latency_is_cut_at_the_timeout_and_adds_the_wait():
    demand, short = steady(100, 3600), fs.Design.unlimited(workers=20, queue_limit=240, timeout=1.5, attempts=1)
    outcome = fs.simulate(short, demand=demand, buyers=STEADFAST, gateway=PLAIN)
    wait = float(np.median(outcome.wait))
    assert outcome.latency_quantile([0.3, 0.6]) == pytest.approx(
        wait - np.log([0.7, 0.4]), rel=1e-3
    )  # first 12 s differ
    assert outcome.latency_quantile(0.9) == pytest.approx(wait + 1.5, rel=1e-3)  # P(call < 1.5 s) = 0.78


def test_quantiles_of_batches_add_the_axes_of_q_at_the_end():
    outcome = fs.simulate(fs.Design(workers=[[40], [120]], queue_limit=[500, 1000, 2000]))
    assert outcome.wait_quantile([[0.5], [0.9]]).shape == (2, 3, 2, 1)
    assert outcome.latency_quantile([0.5, 0.9]).shape == (2, 3, 2)
    assert np.all(np.diff(outcome.wait_quantile(SHARES), axis=-1) >= 0)
    assert type(fs.simulate().wait_quantile(0.5)) is float


@pytest.mark.parametrize("q", [-0.1, 1.1, 95, math.nan, "0.5", None, [0.5, 2], True])
@pytest.mark.parametrize("method", ["wait_quantile", "latency_quantile"])
def test_bad_shares_are_refused(method, q):
    with pytest.raises(
        fs.ParameterError, match=r"quantile q is .*: must be a share from 0 to 1; for the 95th percentile pass 0.95"
    ):
        getattr(fs.simulate(), method)(q)


def test_the_ledger_adds_up_and_is_tidy():
    ledger = fs.simulate().ledger()
    assert ledger["place"].tolist() == PLACES
    assert ledger["share"].sum() == pytest.approx(1, abs=1e-9)
    assert ledger["buyers"].sum() == pytest.approx(fs.simulate().arrived, rel=1e-9)
    batch = fs.simulate(fs.Design(workers=[[40], [80]], queue_limit=[100, 200, 300]))
    table = batch.ledger()
    assert table.columns[:2].tolist() == ["axis_0", "axis_1"]
    picked = table[(table.axis_0 == 1) & (table.axis_1 == 2) & (table.place == "paid")]
    assert picked["buyers"].item() == batch.paid[1, 2]
    half = fs.simulate(demand=steady(0.05, 10)).ledger()
    assert half["buyers"].sum() == pytest.approx(0.5) and half["share"].sum() == pytest.approx(1), "of half a buyer"
    empty = fs.simulate(demand=steady(0, 10)).ledger()
    assert empty["share"].tolist() == [0.0] * len(PLACES)


def test_flows_are_the_slopes_of_totals_and_frames_hold_every_series():
    outcome = fs.simulate(fs.Design(workers=120))
    for flow, total in [
        ("goodput", "paid"),
        ("giving_up", "gave_up"),
        ("turning_away", "turned_away"),
        ("admitted", "admissions"),
    ]:
        assert outcome.series(flow).sum() * outcome.dt == pytest.approx(getattr(outcome, total), rel=1e-9)
        assert outcome.series(flow)[0] == 0
    assert outcome.queue.max() == outcome.max_queue
    assert outcome.in_flight.max() == outcome.max_in_flight
    frame = outcome.frame()
    assert frame.columns.tolist() == ["time", *SERIES]
    assert len(frame) == outcome.time.size == 3601
    assert np.array_equal(frame["wait"], outcome.wait)
    assert set(FLOWS) | set(LEVELS) <= set(SERIES) <= set(dir(outcome))
    two = fs.simulate(fs.Design(workers=[120, 40])).frame()
    assert np.array_equal(two[two.axis_0 == 0]["queue"], outcome.queue)


def test_response_time_is_the_law_at_the_calls_in_flight():
    outcome = fs.simulate(fs.Design.naive())
    expected = fs.usl_response_time(outcome.in_flight, 0.8, 0.002, 3.9e-5)
    assert outcome.response_time == pytest.approx(expected, rel=1e-12)
    assert outcome.response_time.max() == outcome.worst_response_time


def test_time_starts_where_the_demand_does():
    outcome = fs.simulate(demand=fs.Demand([100, 130], [10, 10]), gateway=fs.PaymentGateway().brownout(110, 120, 0.5))
    assert (outcome.time[0], outcome.time[-1]) == (100, pytest.approx(130))
    slow = outcome.time[outcome.response_time > 1.2]
    assert (slow.min(), slow.max()) == (pytest.approx(110.25), pytest.approx(120))


def test_accept_latency_of_an_idle_door_is_its_service_time():
    design = changed(fs.Design.unlimited(), door_servers=50, door_time=0.02)
    outcome = fs.simulate(design, demand=steady(20, 60))
    assert outcome.accept_latency[1:] == pytest.approx(0.02, rel=1e-6)  # 0.4 of 50 servers busy: nobody waits
    assert outcome.accept_quantile([0.5, 0.99]) == pytest.approx(-0.02 * np.log([0.5, 0.01]), rel=1e-3)


def test_unknown_names_are_answered():
    outcome = fs.simulate()
    with pytest.raises(AttributeError, match=r"no 'quue'; it has .*queue"):
        outcome.quue  # noqa: B018
    with pytest.raises(fs.ParameterError, match=r"series 'quue' is unknown: must be one of .*queue"):
        outcome.series("quue")


def test_outcomes_travel_between_processes():
    outcome = fs.simulate()
    for twin in (pickle.loads(pickle.dumps(outcome)), copy.deepcopy(outcome)):
        assert twin.paid == outcome.paid
        assert np.array_equal(twin.wait, outcome.wait)


def test_the_mean_answer_of_a_door_that_mostly_refuses_is_that_of_its_mix():
    """One in ten is let in (20 ms), nine are refused (5 ms): 6.5 ms; at 3 % load nobody waits, nor at an eighth a step."""
    rate = np.array([[100.0], [0.5]])
    design = fs.Design.unlimited(admit_rate=rate[:, 0] / 10, admit_burst=0)
    buyers = fs.Buyers(reload_probability=0)
    outcome = fs.simulate(design, demand=fs.Demand([0, 60], rate * [1, 1]), buyers=buyers)
    assert outcome.accept_latency[:, 10:] == pytest.approx(0.02 * (0.1 + 0.9 * 0.25), rel=1e-9)


def test_times_without_calls_do_not_count_in_the_time_of_a_call():
    """A rush, then a sick gateway that nobody calls: the median call is that of the rush."""
    gateway = fs.PaymentGateway(contention=0, coherency=0).brownout(100, 700, 0.1)
    outcome = fs.simulate(fs.Design.unlimited(), demand=fs.Demand([0, 60, 60, 700], [50, 50, 0, 0]), gateway=gateway)
    assert outcome.call_quantile(0.5) == pytest.approx(0.8 * np.log(2), rel=1e-6)
    assert outcome.latency_quantile(0.5) == pytest.approx(0.8 * np.log(2), rel=1e-6)


@pytest.mark.parametrize(
    "design",
    [
        fs.Design(),
        fs.Design.naive(),
        fs.Design(workers=90, queue_limit=5_500),
        fs.Design(admit_rate=0, admit_burst=500, workers=1),  # the wait of who would join later counts for nobody
    ],
)
def test_nobody_waits_longer_than_the_longest_wait(design):
    """All quantiles lie below it, the last one within a bin (0.6 %); buyers count by the middle of their step."""
    outcome = fs.simulate(design)
    middle = 0.5 * (outcome.wait[1:] + outcome.wait[:-1])
    assert outcome.longest_wait == pytest.approx(middle[outcome.admitted[1:] > 0].max(), rel=1e-12)
    quantiles = outcome.wait_quantile([0.5, 0.95, 0.999, 1.0])
    assert np.all(quantiles <= outcome.longest_wait)
    assert quantiles[-1] == pytest.approx(outcome.longest_wait, rel=6.5e-3)


def test_where_nobody_comes_nobody_waits():
    outcome = fs.simulate(demand=fs.Demand([0, 60], [0, 0]))
    assert outcome.longest_wait == 0 and np.isnan(outcome.wait_quantile(0.95))
