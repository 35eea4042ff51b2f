"""Live panels: what moves, what stays, axes that seldom change, and the data behind it all."""

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import flashsale_lib as fs
from flashsale_lib.pictures import canvas, shown
from flashsale_lib.pictures.canvas import LOOKS, round_up
from flashsale_lib.pictures.panels import Panel, Panels, Shown, picture

TIME = np.linspace(0, 900, 3601)
PANELS = [
    Panel("Buyers in the queue", lines=["with the limit", "without"], fill=["with the limit"]),
    Panel("Wait (s)", x="servers busy (%)", lines=["M/M/1", "without"], log_y=True),
]


def moment(k: float = 1.0) -> Shown:
    """A surge k times as large, and a wait that has no value at 100 %."""
    busy = np.linspace(1, 100, 100)
    wait = np.where(busy < 100, 0.5 * k / np.maximum(100 - busy, 1e-9), np.inf)
    surge = k * 9000 * np.exp(-(((TIME - 200) / 90) ** 2))
    return Shown(
        f"at most {9000 * k:,.0f}",
        {"with the limit": (TIME, np.minimum(surge, 5000)), (PANELS[0].title, "without"): (TIME, surge), "M/M/1": (busy, wait)},
        points={("Wait (s)", "you"): (80.0, k / 20)},
        levels={"limit": 5000, ("Wait (s)", "promise"): math.inf},
        verticals={"drop": 60},
        table=(("", "value"), ("longest queue", f"{9000 * k:,.0f}")),
    )  # fmt: skip


@pytest.fixture
def show() -> Panels:
    return Panels(PANELS, moment())


def artists(show: Panels, panel: int = 0) -> Any:
    return show._plots[panel]


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_the_artists_carry_the_data(show: Panels) -> None:
    data = moment()
    for name, (x, y) in (
        ("with the limit", data.lines["with the limit"]),
        ("without", data.lines[PANELS[0].title, "without"]),
    ):
        np.testing.assert_array_equal(artists(show).lines[name].get_data(), (x, y))
    x, y = artists(show, 1).lines["M/M/1"].get_data()
    assert np.isnan(y[-1]) and np.isfinite(y[:-1]).all()
    mark, label = artists(show).marks["levels", "limit"]
    assert list(mark.get_ydata()) == [5000, 5000] and label.get_text() == "limit: 5,000"
    mark, label = artists(show).marks["verticals", "drop"]
    assert list(mark.get_xdata()) == [60, 60] and label.get_text() == "drop: 60"
    mark, label = artists(show, 1).marks["points", "you"]
    np.testing.assert_allclose(mark.get_data(), ([80], [0.05]))
    assert label.get_text() == "you" and label.get_visible()
    assert ("levels", "promise") not in artists(show, 1).marks  # infinite: no level, and none was ever needed
    fill = artists(show).fills["with the limit"].get_xy()
    assert fill[:, 1].max() == pytest.approx(5000)


def test_words_and_table_are_those_of_what_is_shown(show: Panels) -> None:
    show.update(moment(0.5))
    assert repr(show) == show.reading == "at most 4,500"
    assert show.table == (("", "value"), ("longest queue", "4,500"))


def test_what_is_not_shown_any_more_is_hidden(show: Panels) -> None:
    show.update(Shown("bare", {"M/M/1": ([1, 2], [3, 4])}))
    assert artists(show).lines["without"].get_xdata().size == 0
    for panel in (0, 1):
        assert not any(part.get_visible() for pair in artists(show, panel).marks.values() for part in pair)
    show.update(moment())
    assert artists(show).marks["levels", "limit"][0].get_visible()


def test_lines_differ_by_more_than_colour_and_look_the_same_in_every_panel(show: Panels) -> None:
    assert len({str(dashes) for _, dashes in LOOKS}) == len({colour for colour, _ in LOOKS}) == len(LOOKS)
    one, two = (artists(show, panel).lines["without"] for panel in (0, 1))
    assert (one.get_color(), one.get_linestyle()) == (two.get_color(), two.get_linestyle())
    keys = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in show.figure.axes]
    assert keys == [["with the limit", "without"], ["M/M/1", "without"]]
    assert Panels(Panel("Queue", lines=["one"]), Shown("")).figure.axes[0].get_legend() is None


def test_a_log_axis_says_so_and_leaves_out_what_it_cannot_show() -> None:
    panel = Panel("Cost (dollars)", x="workers", lines=["a"], log_x=True, log_y=True)
    show = Panels([panel], Shown("", {"a": ([0, 1, 10], [5, 0, 50])}))
    axes = show.figure.axes[0]
    assert (axes.get_title(loc="left"), axes.get_xlabel()) == ("Cost (dollars, log scale)", "workers (log scale)")
    x, y = artists(show).lines["a"].get_data()
    assert np.isnan(x[0]) and np.isnan(y[1])
    assert axes.get_xlim() == (1, 10) and axes.get_ylim() == (1, 100)


def test_single_points_have_markers_and_whole_numbers_too() -> None:
    lonely = Panels(Panel("Q", lines=["a"]), Shown("", {"a": ([0, 1, 2, 3], [1, math.nan, 2, 3])}))
    assert artists(lonely).lines["a"].get_markevery() == [0]
    whole = Panels(Panel("Q", x="servers", lines=["a"], whole_x=True), Shown("", {"a": ([1, 2, 3], [1, 2, 3])}))
    assert artists(whole).lines["a"].get_marker() == "o" and artists(whole).lines["a"].get_markevery() is None
    assert whole.figure.axes[0].get_xlim() == (0.6, 3.4)
    assert all(tick == int(tick) for tick in whole.figure.axes[0].get_xticks())


# --- axes -------------------------------------------------------------------------------------------------------------


def test_axes_move_in_big_steps_and_a_move_draws_what_a_new_picture_would(show: Panels) -> None:
    show.png()
    limits = [plot.limits for plot in show._plots]
    for k in (1.05, 1.1):
        show.update(moment(k))
        assert [plot.limits for plot in show._plots] == limits and not show._stale
        assert show.png() == Panels(PANELS, moment(k)).png()
    show.update(moment(3))
    assert [plot.limits for plot in show._plots] != limits and show._stale
    assert show.png() == Panels(PANELS, moment(3)).png()
    show.update(moment())
    assert show.png() == Panels(PANELS, moment()).png()


def test_fixed_limits_never_move() -> None:
    panel = Panel("Q", lines=["a"], xlim=(0, 10), ylim=(-1, 1))
    show = Panels(panel, Shown("", {"a": ([0, 99], [50, 50])}, points={"p": (50, 0)}, levels={"l": 5}))
    assert show.figure.axes[0].get_xlim() == (0, 10) and show.figure.axes[0].get_ylim() == (-1, 1)
    assert not artists(show).marks  # neither the point nor the level is on the axes
    zoomed = Panels(Panel("Q", lines=["a"], xlim=(0, 10)), Shown("", {"a": ([0, 10, 99], [1, 4, 1e6])}))
    assert zoomed.figure.axes[0].get_ylim() == (0, 5.6)  # what is not in sight does not count


@pytest.mark.parametrize(
    ("ends", "more", "log", "limits"),
    [([0, 900], [], False, (0, 900)), ([0, 900], [1200], False, (0, 2000)), ([10, 20], [3], False, (0, 20)),
     ([10, 20], [-3], False, (-5, 20)), ([5], [], False, (4.5, 5.5)), ([], [], False, (0, 1)), ([], [], True, (1, 10)),
     ([], [-7], False, (-10, 0)), ([], [0], False, (-0.5, 0.5)), ([3, 70], [], True, (3, 70)), ([3, 70], [400, 0.5], True, (0.1, 1000)),
     ([5], [], True, (2.5, 10)), ([3000], [], False, (2850, 3150))],
)  # fmt: skip
def test_horizontal_limits(ends: list[float], more: list[float], log: bool, limits: tuple[float, float]) -> None:
    assert shown.span(np.array(ends, dtype=float), np.array(more, dtype=float), log, round_up) == limits


@pytest.mark.parametrize(
    ("values", "log", "limits"),
    [([0, 0], False, (0, 1.12)), ([], False, (0, 1.12)), ([-3, -1], False, (-5.6, 0)), ([-3, 40], False, (-5.6, 56)),
     ([1e-150], False, (0, 1.12)), ([1], True, (0.1, 1)), ([], True, (1, 10)), ([1e-30, 5], True, (1e-7, 10))],
)  # fmt: skip
def test_vertical_limits(values: list[float], log: bool, limits: tuple[float, float]) -> None:
    assert shown.rise(np.array(values, dtype=float), log, round_up) == pytest.approx(limits)


# --- pin --------------------------------------------------------------------------------------------------------------


def test_a_pinned_result_stays_behind_the_present_one(show: Panels) -> None:
    before = show.png()
    show.pin(moment())
    show.update(moment(1.5))
    ghost = artists(show).ghosts["without"]
    np.testing.assert_array_equal(ghost.get_ydata(), moment().lines[PANELS[0].title, "without"][1])
    assert ghost.get_linestyle() == "--" and ghost.get_zorder() < artists(show).lines["without"].get_zorder()
    np.testing.assert_allclose(artists(show, 1).ghost_points.get_data(), ([80], [0.05]))
    assert "pinned" in show._key.get_text()
    assert repr(show) == "at most 13,500"
    other = Panels(PANELS, moment(1.5))
    other.pin(moment())
    assert show.png() == other.png() != Panels(PANELS, moment(1.5)).png()
    show.update(moment(0.1))  # a pinned line stays in sight
    assert show.figure.axes[0].get_ylim()[1] >= 9000
    show.update(moment())
    show.pin(None)
    assert show.png() == before and show._key.get_text() == ""


# --- errors -----------------------------------------------------------------------------------------------------------

LINE = ([0, 1], [0, 1])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (Shown("", {"queue": LINE}), r"lines has 'queue'.*'Buyers in the queue' has the lines with the limit, without; 'Wait \(s\)'"),
        (Shown("", {"without": LINE}), "'without', which is in more than one panel .*write it as"),
        (Shown("", {("Wait", "M/M/1"): LINE}), "lines has .'Wait', 'M/M/1'., which is in no panel"),
        (Shown("", points={("Wait", "you"): (1, 2)}), "points has .'Wait', 'you'., which is in no panel"),
        (Shown("", {"M/M/1": ([0, 1, 2], [0, 1])}), r"y of 'M/M/1' has shape \(2,\): must have shape \(3,\), as its x has"),
        (Shown("", {"M/M/1": [[0, 1]]}), "'M/M/1' has 1 parts: must be a pair"),
        (Shown("", {"M/M/1": ("a", "b")}), "x of 'M/M/1' is"),
        (Shown("", points={"you": ([1, 2], [3, 4])}), r"x of 'you' has shape \(2,\): must have shape \(1,\)"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_and_changes_nothing(show: Panels, wrong: Shown, message: str) -> None:
    before = show.png()
    for change in (show.update, show.pin):
        with pytest.raises(fs.ParameterError, match=message):
            change(wrong)
    assert show.png() == before and repr(show) == "at most 9,000"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(lines="queue"), "lines of 'Q' is 'queue': must be a list of different names"),
        (dict(lines=["a", "a"]), "must be a list of different names"),
        (dict(lines=["a"], fill=["b"]), "fill of 'Q' names b: must be among its lines"),
        (dict(xlim=(2, 1)), r"xlim of 'Q' is \(2, 1\): must be two rising numbers"),
        (dict(ylim=(0, 1), log_y=True), "two rising numbers above 0, for a log axis"),
    ],
)
def test_a_panel_checks_itself(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(fs.ParameterError, match=message):
        Panel("Q", **arguments)


@pytest.mark.parametrize("titles", [[], ["a", "a"], ["a", "b", "c", "d"]])
def test_a_page_holds_one_to_three_panels(titles: list[str]) -> None:
    with pytest.raises(fs.ParameterError, match="one to three different ones"):
        Panels([Panel(title) for title in titles], Shown(""))


# --- anything goes ----------------------------------------------------------------------------------------------------

ANY = st.one_of(st.floats(), st.sampled_from([0.0, 1.0, -1.0, 1e300, 1e-310]))


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 5).flatmap(lambda n: st.tuples(arrays(float, n, elements=ANY), arrays(float, n, elements=ANY))),
    st.tuples(ANY, ANY), ANY, ANY, st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip
def test_no_numbers_can_break_a_panel(
    line: tuple[Any, Any],
    point: tuple[float, float],
    level: float,
    upright: float,
    log_x: bool,
    log_y: bool,
    whole: bool,
) -> None:
    panel = Panel("Q (s)", lines=["a"], fill=["a"], log_x=log_x, log_y=log_y, whole_x=whole)
    show = Panels(panel, Shown(""))
    show.update(Shown("any", {"a": line}, points={"p": point}, levels={"l": level}, verticals={"v": upright}))
    axes = show.figure.axes[0]
    assert np.isfinite([*axes.get_xlim(), *axes.get_ylim()]).all()
    assert show.png().startswith(b"\x89PNG")


@pytest.fixture(params=[False, True], ids=["normal", "presenter"])
def mode(request: pytest.FixtureRequest) -> Iterator[bool]:
    canvas.presenter(request.param)
    yield request.param
    canvas.presenter(False)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_titles_and_keys_fit_their_panels(mode: bool, count: int) -> None:
    panels = [
        Panel(
            f"Buyers per second who are let in {i}",
            lines=[f"as they come {i}", f"if calls did not slow each other {i}"],
        )
        for i in range(count)
    ]
    show = Panels(panels, Shown("", {"as they come 0": (TIME, 9999.0 * TIME)}))
    show.png()
    page = show.figure.bbox
    for i, axes in enumerate(show.figure.axes):
        room = (i * page.x1 / count, (i + 1) * page.x1 / count)
        texts = [*axes.get_legend().get_texts(), axes.xaxis.label, axes._left_title]
        for box in (text.get_window_extent() for text in texts if text.get_text()):
            assert room[0] - 1 <= box.x0 and box.x1 <= room[1] + 1 and box.y0 >= 0 and box.y1 <= page.y1
        assert axes._left_title.get_window_extent().y0 >= axes.get_legend().get_window_extent().y1 - 3
        assert min(text.get_fontsize() for text in texts) >= 11.5


def test_an_explorer_takes_panels_as_its_picture() -> None:
    rows = [fs.parameter("design", "workers")]

    def compute(values: dict[str, Any]) -> Shown:
        calls = np.arange(1.0, 801)
        rate = fs.usl_throughput(calls, 0.8, 0.002, 3.9e-5)
        now = float(rate[int(values["workers"]) - 1])
        return Shown(f"{now:.1f} calls/s", {"gateway": (calls, rate)}, points={"you": (values["workers"], now)})

    page = picture([Panel("Throughput (calls/s)", x="calls in flight", lines=["gateway"])])
    explorer = fs.controls.Explorer(rows, compute, page, {"naive": {"workers": 800.0}, "best": {"workers": 160.0}})
    assert repr(explorer) == "36.3 calls/s"
    explorer.set({"workers": 160.0})
    assert repr(explorer) == "86.6 calls/s"


def test_a_move_is_quick() -> None:
    """Measured: 14 ms of CPU for two panels with four lines of 3,601 points and six labels; twice that is too slow."""
    results = [moment(1 + 0.001 * i) for i in range(20)]
    show = Panels(PANELS, moment())
    show.png()
    best = math.inf
    for _ in range(3):
        start = time.process_time()
        for result in results:
            show.update(result)
            show.png()
        best = min(best, (time.process_time() - start) / len(results))
    assert best < 0.04
