"""Pictures that stand still: the artists carry the data, the words carry the numbers, and the numbers behind both."""

import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.text import Text
from PIL import Image

import flashsale_lib as fs
from flashsale_lib.pictures import canvas, charts, plotted
from flashsale_lib.pictures.figures import FATES, fates
from flashsale_lib.pictures.words import count, seconds

CALLS = np.array([1.0, 20, 60, 120, 200, 320, 480])


@pytest.fixture(scope="module")
def protected() -> fs.Outcome:
    return fs.simulate()


@pytest.fixture(scope="module")
def fit() -> Any:
    return fs.fit_usl(CALLS, fs.PaymentGateway().throughput(CALLS))


def texts(picture: canvas.Picture) -> list[str]:
    return [text.get_text() for axes in picture.figure.axes for text in axes.texts]


def line(picture: canvas.Picture, label: str) -> Any:
    return next(each for axes in picture.figure.axes for each in axes.lines if each.get_label() == label)


# --- two counts and the gap -------------------------------------------------------------------------------------------


def test_the_rulers_are_the_queue_and_the_wait_of_the_curves() -> None:
    queue = fs.fluid_queue([30, 700, 90, 0, 0, 0, 0, 0, 0, 0, 0], 80, dt=60)
    picture = charts.cumulative(queue.time, queue.joined, queue.served, at=150)
    depth = np.interp(150, queue.time, queue.queue)
    time = np.sort(np.append(queue.time, 150))
    curves = (np.interp(time, queue.time, y) for y in (queue.joined, queue.served))
    wait = fs.fifo_wait(time, *curves)[np.searchsorted(time, 150)]
    upright, level = [each for each in picture.figure.axes[0].lines if each.get_marker() in ("_", "|")]
    assert np.ptp(upright.get_ydata()) == pytest.approx(depth)
    assert np.ptp(level.get_xdata()) == pytest.approx(wait)
    assert f"At 150 s: queue {count(depth)} buyers, wait {seconds(wait)}." in repr(picture)
    assert {f"queue: {count(depth)} buyers", f"wait: {seconds(wait)}"} <= set(texts(picture))
    for place, curve in ((0, queue.joined), (1, queue.served)):
        drawn = picture.figure.axes[0].lines[place]
        np.testing.assert_allclose(np.interp(queue.time, drawn.get_xdata(), drawn.get_ydata()), curve)


def test_who_is_not_served_in_the_window_waits_no_number() -> None:
    picture = charts.cumulative([0, 10], [0, 100], [0, 40], at=8, names=("joined", "paid"))
    assert "Longest wait: not paid by 10 s, joining at 8 s." in repr(picture)
    assert "At 8 s: queue 48 buyers, wait not paid by 10 s." in repr(picture)


def test_a_full_queue_is_a_line_above_served() -> None:
    picture = charts.cumulative([0, 10, 20], [0, 60, 60], [0, 10, 60], limit=50)
    full = picture.figure.axes[0].lines[2]
    assert list(full.get_ydata()) == [50, 60, 110]
    assert "queue full\n(50)" in texts(picture)
    near, far = (charts.cumulative([0, 10], [0, 60], [0, 60], limit=limit).figure.axes[0] for limit in (60, 61))
    assert near.get_ylim()[1] == pytest.approx(1.05 * 120) and far.get_ylim()[1] == pytest.approx(1.2 * 60)


def test_a_jump_counts_from_the_chosen_instant_on() -> None:
    gaps = plotted.gaps([0, 5, 5, 10], [0, 0, 50, 50], [0, 0, 0, 50], at=5)
    assert (gaps.queue[gaps.index], gaps.wait[gaps.index]) == (50, 5)


# --- the knee ---------------------------------------------------------------------------------------------------------


def test_the_knee_shows_points_curve_and_peak(fit: Any) -> None:
    measured = fs.PaymentGateway().throughput(CALLS)
    picture = charts.knee(CALLS, measured, fit, ideal=True, response=True)
    np.testing.assert_allclose(line(picture, "measured").get_data(), (CALLS, measured))
    calls, rate = line(picture, "fitted curve").get_data()
    np.testing.assert_allclose(rate, fit.predict(calls))
    assert calls[-1] == max(CALLS)  # a fit is not drawn beyond what was measured
    ideal = line(picture, "if calls did not slow each other")
    np.testing.assert_allclose(ideal.get_ydata(), ideal.get_xdata() * fit.throughput_of_one)
    peaks = [each.get_data() for axes in picture.figure.axes for each in axes.lines if each.get_marker() == "D"]
    np.testing.assert_allclose(peaks[0], [[fit.peak_calls], [fit.peak_throughput]])
    np.testing.assert_allclose(peaks[1], [[fit.peak_calls], [fit.peak_calls / fit.peak_throughput]])
    assert "Peak: 86.6 calls/s at 160 calls in flight." in repr(picture)
    assert texts(picture).count("past the peak:\nmore in, less out") == 2


def test_the_second_panel_is_littles_law() -> None:
    picture = charts.knee([2, 4], [0, 8], fs.PaymentGateway(), response=True, unit="jobs/h")
    below = picture.figure.axes[1]
    assert below.get_ylabel() == "time per call (h)"
    np.testing.assert_allclose(below.lines[0].get_data(), ([4], [0.5]))  # no time where nothing came through
    calls, time = below.lines[1].get_data()
    np.testing.assert_allclose(time, fs.PaymentGateway().response_time(calls))


def test_the_knee_says_what_is_counted() -> None:
    picture = charts.knee([], [], fs.PaymentGateway(), unit="scripts/h", load="users")
    assert repr(picture) == "Peak: 86.6 scripts/h at 160 users. At 400 users: 62.3 scripts/h, 72 % of the peak."
    assert picture.figure.axes[0].get_xlabel() == "users" and not [t for t in texts(picture) if "calls" in t]


def test_a_law_without_a_peak_and_one_far_beyond_the_data_hatch_nothing() -> None:
    straight = charts.knee([], [], fs.PaymentGateway(coherency=0))
    far = charts.knee([1, 2, 4], [1, 2, 4], fs.PaymentGateway())
    assert "No peak." in repr(straight) and "of the peak" not in repr(far)
    for picture in (straight, far):
        assert not any("past the peak" in text for text in texts(picture))


# --- the ledger over time ---------------------------------------------------------------------------------------------


def test_the_flow_ends_in_the_ledger(protected: fs.Outcome) -> None:
    picture = charts.flow(protected)
    bands = picture.figure.axes[0].collections
    ends, below = fates(protected), 0.0
    assert len(bands) == len(FATES)
    for (fate, buyers), band in zip(ends.items(), bands, strict=True):
        corners = band.get_paths()[0].vertices
        last = corners[corners[:, 0] == protected.time[-1], 1]
        np.testing.assert_allclose((last.min(), last.max()), (below, below + buyers), atol=1e-6)
        below += buyers
        assert band.get_hatch() == FATES[fate][2]
        if buyers >= 0.5:
            words = f"{FATES[fate][0]} {count(buyers)}"
            assert words in repr(picture) and words in texts(picture)
    assert below == pytest.approx(protected.arrived)


# --- a bill -----------------------------------------------------------------------------------------------------------


def test_the_bars_of_a_bill_add_up(protected: fs.Outcome) -> None:
    bill = fs.bill(protected)
    picture = charts.waterfall(bill)
    bars = picture.figure.axes[0].patches
    billed = bill[bill.kind != "lost"]
    reached = 0.0
    for bar, cost in zip(bars, billed.cost, strict=False):
        assert (bar.get_x(), bar.get_width()) == pytest.approx((reached, cost))
        reached += cost
    assert (bars[-2].get_x(), bars[-2].get_width()) == pytest.approx((0, billed.cost.sum()))
    assert bars[-1].get_width() == pytest.approx(bill.cost[bill.kind == "lost"].sum())
    assert f"total {charts.money(billed.cost.sum())} dollars" in repr(picture)
    assert bars[-1].get_y() - bars[-2].get_y() > 1.5  # it stands apart


@settings(deadline=None, max_examples=25)
@given(st.lists(st.floats(-1e7, 1e7, allow_subnormal=False), min_size=1, max_size=6))
def test_any_bill_adds_up_and_fits_its_page(amounts: list[float]) -> None:
    picture = charts.waterfall({f"item {i}": amount for i, amount in enumerate(amounts)})
    axes = picture.figure.axes[0]
    total = axes.patches[len(amounts)]
    assert total.get_width() == pytest.approx(math.fsum(amounts), abs=1e-6)
    left, right = axes.get_xlim()
    wide = canvas.size_of(axes)[0]
    for text in axes.texts:
        end = (text.xy[0] - left) / (right - left) * wide + 8 + canvas.text_size(text.get_text())[0]
        assert end <= wide + 1


def test_amounts_of_every_size_in_words() -> None:
    assert [charts.money(x) for x in (0.09, 0.5, 999.994, 999.996, 999_999.4, 999_999.6)] == [
        "0.09", "0.50", "999.99", "1,000", "999,999", "1.00 million",
    ]  # fmt: skip


# --- a map of states --------------------------------------------------------------------------------------------------


def test_the_regions_of_a_map_are_its_cells() -> None:
    state = np.array([[0, 0, 1, 2], [0, 1, 2, 2], [1, 1, 1, 2]])
    picture = charts.phase([1, 2, 3, 4], [1, 2, 3], state, "load", "attempts", points={"you": (3, 2)})
    axes = picture.figure.axes[0]
    for k, patch in enumerate(axes.patches):
        inside = [[patch.get_path().contains_point((x, y)) for x in (1, 2, 3, 4)] for y in (1, 2, 3)]
        assert np.array_equal(inside, state == k)
    assert [patch.get_hatch() for patch in axes.patches] == ["", "//", "xx"]
    assert repr(picture) == (
        "Of the map: stable 25 %, vulnerable 42 %, collapsed 33 %. you (load 3, attempts 2): collapsed."
    )
    for piece in axes.collections[0].get_segments():
        (x0, y0), (x1, y1) = piece
        nudge = np.array([0.1, 0]) if x0 == x1 else np.array([0, 0.1])
        middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
        sides = [plotted.state_map([1, 2, 3, 4], [1, 2, 3], state, 3).at(*(middle + s * nudge)) for s in (1, -1)]
        assert sides[0] != sides[1]


def test_the_name_of_a_region_is_not_right_above_or_below_the_name_of_a_point() -> None:
    x, y = np.arange(1, 41), np.arange(1, 21)
    for up in range(5, 17):
        picture = charts.phase(x, y, np.zeros((20, 40), dtype=int), "x", "y", points={"a long name": (17, up)})
        canvas.FigureCanvasAgg(picture.figure).draw()
        point, region = (text.get_window_extent() for text in picture.figure.axes[0].texts)
        gap = max(point.y0 - region.y1, region.y0 - point.y1) * 72 / picture.figure.dpi
        assert gap > 24 or region.x1 < point.x0 or point.x1 < region.x0


def test_a_region_is_named_where_it_is_or_in_the_key() -> None:
    state = np.zeros((20, 40), dtype=int)
    state[:, 20:] = 1
    state[0, 0] = 2
    picture = charts.phase(np.geomspace(1, 1000, 40), np.arange(1, 21), state, "workers", "attempts", log_x=True)
    axes = picture.figure.axes[0]
    places = {text.get_text(): text.get_position()[0] for text in axes.texts}
    assert 0.1 < places["stable"] < 0.4 and 0.6 < places["vulnerable"] < 0.9
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["collapsed"]
    assert axes.get_xlabel() == "workers (log scale)"


# --- many designs -----------------------------------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.integers(-3, 3).map(float), st.floats(-1e6, 1e6), st.sampled_from([math.inf, -math.inf, math.nan])
)


@settings(deadline=None, max_examples=300)
@given(
    st.integers(0, 40).flatmap(
        lambda n: st.tuples(arrays(float, n, elements=NUMBERS), arrays(float, n, elements=NUMBERS))
    )
)
def test_the_front_is_what_comparing_all_pairs_finds(pair: tuple[Any, Any]) -> None:
    cost, value = pair
    cheaper, better = cost[:, None] <= cost, value[:, None] >= value  # by j, then i
    strictly = (cost[:, None] < cost) | (value[:, None] > value)
    beaten = np.any(cheaper & better & strictly, axis=0)
    np.testing.assert_array_equal(charts.front(cost, value), ~beaten & ~np.isnan(cost) & ~np.isnan(value))


def test_the_staircase_is_the_front_of_those_that_meet_the_targets() -> None:
    cost, value = np.array([1, 2, 3, 4, np.inf]), np.array([5.0, 9, 7, 20, 50])
    picture = charts.pareto(cost, value, ok=[True, False, True, True, True], you=(3.5, 6))
    stairs = line(picture, "front: no design that meets all targets beats these")
    assert list(stairs.get_xdata())[:-1] == [1, 3, 4] and list(stairs.get_ydata()) == [5, 7, 20, 20]
    assert repr(picture) == (
        "Designs: 5, 1 of them without a place in the picture; 3 meet the targets; 3 on the front, from 5 at 1 to 20 at 4. "
        "You: 6 at 3.5; 1 design that meets the targets beats that."
    )
    assert list(line(picture, "misses a target").get_xdata()) == [2]
    assert "you: 6 at 3.5" in texts(picture)
    assert stairs.get_marker() == "s" and list(stairs.get_markevery()) == [0, 1, 2]  # and so in the legend
    named = charts.pareto(cost, value, you=(3.5, 6), name="protected")
    assert "protected: 6 at 3.5" in texts(named) and " Protected: 6 at 3.5; " in repr(named)
    assert line(charts.pareto(cost, value), "front: no design beats these").get_xdata()[0] == 1  # no targets given


# --- one above the other ----------------------------------------------------------------------------------------------


def test_small_multiples_share_time_and_looks(protected: fs.Outcome) -> None:
    series = {"Queue (buyers)": {"a": protected.queue, "b": 2 * protected.queue}, "Calls": {"b": protected.in_flight}}
    for side_by_side in (False, True):
        picture = charts.multiples(protected.time, series, side_by_side=side_by_side)
        one, two = picture.figure.axes
        assert one.get_xlim() == two.get_xlim() == (0, 900)
        np.testing.assert_allclose(two.lines[0].get_data(), (protected.time, protected.in_flight))
        b = next(each for each in one.lines if each.get_label() == "b")
        assert (b.get_color(), b.get_linestyle()) == (two.lines[0].get_color(), two.lines[0].get_linestyle())
        assert f"Queue (buyers): a up to {count(protected.max_queue)}, at the end " in repr(picture)
    assert ["a", "b"] in [[text.get_text() for text in key.get_texts()] for key in picture.figure.legends]
    same = charts.multiples(protected.time, series, same_y=True).figure.axes
    assert same[0].get_ylim() == same[1].get_ylim()


@pytest.mark.parametrize("side_by_side", [False, True])
def test_a_spell_is_shaded_in_every_panel_and_named_below(side_by_side: bool) -> None:
    series = {"Wait (s)": {"a": [1, 5, 10]}, "Calls": {"a": [3, 2, 1]}}
    picture = charts.multiples([0, 1, 2], series, side_by_side=side_by_side, shaded={"brownout": (0.5, 1.5)})
    for axes in picture.figure.axes:
        (band,) = axes.patches
        assert (band.get_x(), band.get_width()) == (0.5, 1) and axes.get_xlim() == (0, 2)
    assert picture.figure.axes[-1].get_xlabel() == "time (s); shaded: brownout"
    assert repr(picture).endswith("Shaded: brownout, 0.5 to 1.5.")
    assert not charts.multiples([0, 1, 2], series).figure.axes[0].patches


def test_gaps_are_drawn_as_gaps() -> None:
    picture = charts.multiples([0, 1, 2], {"Wait (s)": {"a": [1, math.inf, 10], "b": [math.nan] * 3}}, log_y=True)
    assert np.isnan(picture.figure.axes[0].lines[0].get_ydata()[1])
    assert "Wait (s): b up to none, at the end none." in repr(picture)
    assert picture.figure.axes[0].get_title(loc="left") == "Wait (s, log scale)"


# --- all of them ------------------------------------------------------------------------------------------------------

FEW: dict[str, Callable[[], canvas.Picture]] = {
    "cumulative": lambda: charts.cumulative([0, 30, 90], [0, 3000, 3000], [0, 1000, 3000], at=30, limit=2500),
    "nobody came": lambda: charts.cumulative([0, 10], [0, 0], [0, 0], at=0),
    "no time passed": lambda: charts.cumulative([5, 5], [0, 1e-3], [0, 1e-3], at=5),
    "a billion": lambda: charts.cumulative([0, 1e6], [0, 1e9], [0, 3e8], at=2e3),
    "knee": lambda: charts.knee(CALLS, fs.PaymentGateway().throughput(CALLS), fs.PaymentGateway(), response=True),
    "one point": lambda: charts.knee([5], [0]),
    "peak at one call": lambda: charts.knee([], [], fs.PaymentGateway(contention=1, coherency=1), ideal=True, response=True),
    "flow": lambda: charts.flow(fs.simulate(fs.Design.naive())),
    "flow of nobody": lambda: charts.flow(fs.simulate(demand=fs.Demand([0, 60], [0, 0]))),
    "bill": lambda: charts.waterfall(fs.bill(fs.simulate(record=False))),
    "nothing": lambda: charts.waterfall({"nothing": 0.0}),
    "only apart": lambda: charts.waterfall({"lost": -3.0}, apart=["lost"]),
    "phase": lambda: charts.phase([5], [1], [[1]], "x", "y", points={"a": (5, 1), "b": (5.2, 1.2)}),
    "two states": lambda: charts.phase([1, 9], [1, 2], np.eye(2, dtype=bool), "x", "y", names=("up", "down"), log_y=True),
    "pareto": lambda: charts.pareto(np.geomspace(1, 100, 50), np.arange(50), you=(2, 3), log_x=True),
    "one design": lambda: charts.pareto([1], [2], you=(1, 2)),
    "no design is good": lambda: charts.pareto([1, 2], [2, 2], ok=[False, False]),
    "multiples": lambda: charts.multiples([0, 1], {"A": {"x": [0, 1]}, "B": {"y": [0, 0]}, "C": {"x": [-5, -1]}}),
    "one instant": lambda: charts.multiples([3], {"A": {"x": [0]}}, side_by_side=True),
    "shaded": lambda: charts.multiples([0, 9], {"A": {"x": [0, 1]}}, shaded={"brownout": (2, 5), "sale": (6, 7)}),
}  # fmt: skip


@pytest.mark.parametrize("name", FEW)
def test_a_picture_has_the_same_bytes_every_time_and_room_for_its_text(name: str) -> None:
    first = FEW[name]()
    assert first.png() == FEW[name]().png()
    for mode in (False, True):
        canvas.presenter(mode)
        try:
            picture = FEW[name]()
        finally:
            canvas.presenter(False)
        assert repr(picture) == repr(first)  # the words do not depend on how it is shown
        pixels = np.asarray(Image.open(io.BytesIO(picture.png())).convert("L"))
        edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        assert edge.min() > 250, "something is cut off at the edge of the page"
        everything = [text for text in picture.figure.findobj(Text) if text.get_text()]
        assert min(text.get_fontsize() for text in everything) >= 11.5
        for axes in picture.figure.axes:
            boxes = [text.get_window_extent() for text in (*axes.texts, axes.xaxis.label, axes.yaxis.label)]
            for i, one in enumerate(boxes):
                for other in boxes[:i]:
                    across = min(one.x1, other.x1) - max(one.x0, other.x0)
                    up = min(one.y1, other.y1) - max(one.y0, other.y0)
                    assert min(across, up) < 4, "two texts overlap"


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "falls": (lambda: charts.cumulative([0, 1, 2], [0, 5, 3], [0, 0, 0]), "^arrived falls to 3 buyers at index 2"),
    "too many": (lambda: charts.cumulative([0, 1], [0, 5], [0, 7]), "^served is 7 buyers at index 1: must be at most the 5"),
    "back": (lambda: charts.cumulative([0, -1], [0, 5], [0, 5]), "^time falls to -1 s"),
    "short": (lambda: charts.cumulative([0], [0], [0]), r"time has 1 value\(s\): must have at least 2"),
    "outside": (lambda: charts.cumulative([0, 9], [0, 5], [0, 5], at=12), "at is 12 s: must be from 0 to 9 s"),
    "limit": (lambda: charts.cumulative([0, 9], [0, 5], [0, 5], limit=-1), "limit is -1 buyers: must be at least 0"),
    "nan": (lambda: charts.cumulative([0, 9], [0, math.nan], [0, 5]), "arrived is nan at index 1: must be finite"),
    "text": (lambda: charts.cumulative("soon", [0], [0]), "time is 'soon': must be a row of numbers"),
    "length": (lambda: charts.cumulative([0, 9], [0, 1, 2], [0, 5]), r"arrived has shape \(3,\): must have shape \(2,\), as time"),
    "masked": (lambda: charts.knee(np.ma.masked_equal([1.0, 2.0], 2), [1, 2]), "calls is nan at index 1"),
    "no calls": (lambda: charts.knee([0], [1]), "calls is 0 at index 0: must be finite and at least 1e-09"),
    "no knee": (lambda: charts.knee([], []), "calls is empty and fit is None"),
    "gateways": (lambda: charts.knee([], [], fs.PaymentGateway(contention=[0, 1])), "fit is a gateway of arrays"),
    "series": (lambda: charts.flow(fs.simulate(record=False)), "was not recorded"),
    "batch": (lambda: charts.flow(fs.simulate(fs.Design(workers=[1, 2]))), "holds 2 scenarios"),
    "bills": (lambda: charts.waterfall(fs.bill(fs.simulate(fs.Design(workers=[1, 2])))), "names an item twice"),
    "not a bill": (lambda: charts.waterfall(fs.bill(fs.simulate()).drop(columns="cost")), "items has no column cost"),
    "no bill": (lambda: charts.waterfall({}), "items is empty"),
    "apart": (lambda: charts.waterfall({"a": 1}, apart=["b"]), "apart names b: must be among a"),
    "cost": (lambda: charts.waterfall({"a": math.inf}), "items is inf at index 0: must be finite"),
    "unsorted": (lambda: charts.phase([2, 1], [1], [[0, 0]], "x", "y"), "x has 2 values: must be at least one, each above"),
    "no map": (lambda: charts.phase([], [1], [[]], "x", "y"), "x has 0 values"),
    "log": (lambda: charts.phase([0, 1], [1], [[0, 0]], "x", "y", log_x=True), "x is 0 at index 0"),
    "shape": (lambda: charts.phase([1, 2], [1], [[0], [0]], "x", "y"), r"state has shape \(2, 1\) .* must be \(1, 2\)"),
    "state": (lambda: charts.phase([1, 2], [1], [[0, 3]], "x", "y"), "whole numbers from 0 to 2"),
    "states": (lambda: charts.phase([1], [1], [[0]], "x", "y", names=list("abcd")), "names has 4 names"),
    "off the map": (lambda: charts.phase([1, 2], [1], [[0, 0]], "x", "y", points={"you": (9, 1)}), "must be on the map"),
    "no designs": (lambda: charts.pareto([math.inf], [3]), "finite for no design"),
    "you": (lambda: charts.pareto([1], [3], you=(0, 2), log_x=True), "you has the cost 0: must be above 0"),
    "you and you": (lambda: charts.pareto([1], [3], you=(0, 2, 3)), r"you has shape \(3,\)"),
    "front": (lambda: charts.front([1, 2], [3]), r"value has shape \(1,\): must have shape \(2,\), as cost"),
    "no series": (lambda: charts.multiples([0, 1], {}), "series has 0 titles"),
    "series length": (lambda: charts.multiples([0, 1], {"A": {"x": [1]}}), r"x has shape \(1,\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_drawn_says_what_to_change(name: str) -> None:
    draw, message = BAD[name]
    with pytest.raises(fs.ParameterError, match=message):
        draw()
