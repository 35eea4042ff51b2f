"""Predictions lock once, survive their cell, stop nothing, and are drawn over the truth; numbers as people write them."""

import ast
import io
import json
import math
import re
from collections.abc import Iterator
from typing import Any

import matplotlib.colors as mcolors
import numpy as np
import pytest
from PIL import Image
from test_notebooks import NOTEBOOKS, outputs

from flashsale_lib import ParameterError
from flashsale_lib.classroom import exercises, stage
from flashsale_lib.classroom.exercises import Choice, Guess, Sketch
from flashsale_lib.pictures import canvas, written
from flashsale_lib.pictures.canvas import BLUE, GREEN
from flashsale_lib.pictures.written import gap, number, read, read_list

OPTIONS = ["shorter", "longer", "the same"]
PLACES = [0, 100, 200, 300, 400]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    exercises.forget()
    yield
    exercises.forget()
    stage.presenter(False)


def guess(**changed: Any) -> Guess:
    return Guess("How many?", **{"low": 0, "high": 1000, "step": 10, "unit": "buyers", **changed})


def sketch(**changed: Any) -> Sketch:
    return Sketch("How long?", **{"x": PLACES, "low": 0, "high": 20, "unit": "buyers", **changed})


def every() -> list[Any]:
    return [guess(), guess(low=1, step=None, log=True), Choice("Which?", OPTIONS), sketch()]


def markers(picture: canvas.Picture) -> list[tuple[str, str, float, float]]:
    """Every marker drawn: its shape, its colour, x and y; and that something is drawn at all."""
    assert Image.open(io.BytesIO(picture.png())).width > 500
    lines = [line for axes in picture.figure.axes for line in axes.lines if line.get_marker() in ("o", "s")]
    return [
        (line.get_marker(), line.get_color(), float(x), float(y))
        for line in lines
        for x, y in zip(*line.get_data(), strict=True)
    ]


def words(picture: canvas.Picture) -> list[str]:
    """All text in a picture."""
    drawn = [text.get_text() for axes in picture.figure.axes for text in axes.texts]
    ticks = [text.get_text() for axes in picture.figure.axes for text in axes.get_yticklabels()]
    return drawn + ticks + [text.get_text() for text in picture.figure.texts]


# --- locking ----------------------------------------------------------------------------------------------------------


def test_a_guess_locks_by_the_button_and_only_once() -> None:
    g = guess()
    g._slider.value = 300
    g._button.click()
    g.lock(700)
    assert g.locked == 300 and g._slider.value == 300
    assert g._slider.disabled and g._button.disabled
    assert "Locked: 300 buyers. Now run on." in g._said.value and 'role="status"' in g._said.value


def test_a_slider_that_was_not_moved_is_asked_about_once() -> None:
    g = guess()
    g._button.click()
    assert g.locked is None and "Move the slider to your own guess first" in g._said.value
    g._button.click()
    assert g.locked == 500


def test_a_slider_that_a_browser_has_only_rounded_counts_as_not_moved() -> None:
    g, s = guess(), sketch()
    for p in (g, s):
        for each in p._inputs:
            each.value += 4e-15 * each.value  # JupyterLab answers 500.00000000000006 when it shows 500
        p._button.click()
        assert p.locked is None and "first. If " in p._said.value
    g._button.click()
    assert g.locked == 500 and s._image.value == s.preview.png()


def test_a_move_that_a_busy_kernel_hears_of_after_the_press_counts() -> None:
    g, s = guess(), sketch()
    g._slider.value = 300
    g._button.click()
    g._slider.value = 350
    assert g.locked == 350 and g._slider.disabled and "Locked: 350 buyers" in g._said.value
    s._inputs[0].value = 20
    s._button.click()
    s._inputs[1].value = 0
    assert s.locked == (20, 0, 10, 10, 10)


def test_a_locked_sketch_in_another_view_is_not_changed_by_closing_it() -> None:
    first, second = sketch(), sketch()
    first.lock((1, 2, 3, 4, 5))
    second._inputs[0].value = 20
    second._button.click()
    assert second.locked == (1, 2, 3, 4, 5) == second._read()


def test_a_choice_starts_with_nothing_chosen_and_locks_nothing_then() -> None:
    c = Choice("Which?", OPTIONS)
    for _ in range(3):
        c._button.click()
    assert c.locked is None and c._radio.value is None and "Choose one of the answers first." in c._said.value
    c._radio.value = "longer"
    c._button.click()
    assert c.locked == "longer" and c._radio.disabled and "Locked: longer. Now run on." in c._said.value


def test_a_sketch_starts_flat_follows_its_sliders_and_locks_all_of_them() -> None:
    s = sketch()
    before = s._image.value
    assert list(s._curve.get_ydata()) == [10] * 5
    s._inputs[1].value = 18
    assert list(s._curve.get_ydata()) == [10, 18, 10, 10, 10] and s._image.value != before
    assert "tooltip" not in s._image.get_state() or s._image.tooltip is None  # it would break the view
    s._button.click()
    assert s.locked == (10, 18, 10, 10, 10) and all(each.disabled for each in s._inputs)
    assert "Locked: 10, 18, 10, 10, 10 buyers. Now run on." in s._said.value


@pytest.mark.parametrize(
    ("index", "value", "other"), [(0, 300.0, 700.0), (2, "longer", "shorter"), (3, (1.0,) * 5, (2.0,) * 5)]
)
def test_running_the_cell_again_shows_it_locked(index: int, value: Any, other: Any) -> None:
    first = every()[index]
    first.lock(value)
    again = every()[index]
    assert again.locked == value and again._read() == value
    assert again._button.disabled and all(each.disabled for each in again._inputs)
    assert "Locked before: " in again._said.value and "counts." in again._said.value
    again.lock(other)
    assert again.locked == value
    exercises.forget()
    assert every()[index].locked is None


def test_two_views_of_one_question_share_their_lock() -> None:
    first, second = guess(), guess()
    first.lock(300)
    second._slider.value = 700
    second._button.click()
    assert second.locked == 300 and second._slider.value == 300 and second._slider.disabled


def test_a_log_slider_locks_what_it_shows() -> None:
    g = guess(low=1, high=33_550, step=None, log=True)
    g._slider.value = 1778.28
    g._button.click()
    assert g.locked == 1800
    exercises.forget()
    g = guess(low=1, high=33_550, step=None, log=True)
    g._slider.value = 33_550
    g._button.click()
    assert g.locked == 33_550  # the read-out rounds to 34,000, beyond the end


@pytest.mark.parametrize("index", range(4))
def test_every_prediction_has_a_stable_text_a_widget_and_labelled_inputs(index: int) -> None:
    p = every()[index]
    bundle, _ = p._repr_mimebundle_()
    assert bundle["text/plain"] == f"Prediction: {p.question}" and "application/vnd.jupyter.widget-view+json" in bundle
    assert p.question in p.widget.children[0].value
    assert p._button.description.startswith("Lock my ")
    assert all(each.description for each in p._inputs) or isinstance(p, Choice)
    stage.presenter()
    assert {"flashsale", "flashsale-presenter"} <= set(p.widget._dom_classes)


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locked", "truth", "said"),
    [
        (100, 100, "spot on"),
        (105, 100, "within 10 %, well judged"),
        (150, 100, "you were 50 too high"),
        (60, 100, "you were 40 too low"),
        (800, 100, "your guess is 8.0 times the real number"),
        (10, 100, "the real number is 10.0 times your guess"),
        (0, 100, "you were 100 too low"),
        (50, 0, "you were 50 too high"),
        (1, 12_345, "the real number is 12,345 times your guess"),
    ],
)
def test_the_gap_is_put_in_words(locked: float, truth: float, said: str) -> None:
    g = guess()
    g.lock(locked)
    assert g.compare(truth).endswith(f": {said}.")
    picture = g.reveal(truth)
    assert repr(picture) == g.compare(truth)
    assert said[0].upper() + said[1:] in words(picture)


def test_no_guess_is_no_error() -> None:
    assert guess().compare(42) == "The run says 42 buyers. (No guess was locked.)"
    assert repr(guess().reveal(42)) == guess().compare(42)
    choice = Choice("Which?", OPTIONS)
    assert choice.compare("longer") == "The run says: longer. (No choice was locked.)" == repr(choice.reveal("longer"))
    wanted = "The run is highest at 200 s: 20 buyers. (No curve was locked.)"
    assert sketch().compare([0, 200, 400], [0, 20, 0]) == wanted


@pytest.mark.parametrize(("truth", "said"), [(math.nan, "no number"), (math.inf, "no limit"), (-math.inf, "no limit")])
def test_a_run_without_a_number_is_told_and_drawn(truth: float, said: str) -> None:
    g = guess()
    assert g.compare(truth) == f"The run says {said} buyers. (No guess was locked.)"
    g.lock(300)
    assert g.compare(truth) == f"You said 300 buyers. The run says {said} buyers."
    assert [(shape, x) for shape, _, x, _ in markers(g.reveal(truth))] == [("s", 300)]
    assert markers(guess(log=True, step=None, low=1).reveal(truth))


def test_a_choice_is_told_what_it_reveals() -> None:
    plain = Choice("Which?", {"shorter": "Workers are calls.", "longer": "Well seen."})
    plain.lock("shorter")
    assert plain.compare("longer") == "You said: shorter. The run says: longer. Workers are calls."
    assert plain.compare("shorter") == "You said: shorter. And so it is. Workers are calls."
    assert plain.compare("longer", {"shorter": "Later is better."}).endswith("The run says: longer. Later is better.")
    assert plain.compare("longer", {"longer": "Well seen."}).endswith("Workers are calls.")


@pytest.mark.parametrize(
    ("drawn", "said"),
    [
        ((0, 20, 10, 0, 0), "You put the top at 100 s, the run has it at 200 s."),
        ((0, 10, 19, 10, 0), "You put the top where it is, at about 200 s."),
        ((5, 5, 5, 5, 5), "You drew it flat, the run is highest at 200 s."),
    ],
)
def test_a_sketch_is_told_its_gap_and_its_top(drawn: Any, said: str) -> None:
    s = sketch()
    s.lock(drawn)
    told = s.compare([0, 200, 400], [0, 20, 0])
    assert told.endswith(said)
    grid = np.linspace(0, 400, 4001)
    apart = np.abs(np.interp(grid, PLACES, drawn) - np.interp(grid, [0, 200, 400], [0, 20, 0]))
    found = re.search(
        r"off by ([\d.,]+) buyers on average, most at ([\d.,]+) s: you drew ([\d.]+), the run has ([\d.]+)\.", told
    )
    assert found
    mean, at, mine, true = map(float, found.groups())
    assert mean == pytest.approx(apart.mean(), rel=0.01)
    assert abs(mine - true) == pytest.approx(apart.max(), rel=0.01) and np.interp(at, PLACES, drawn) == pytest.approx(
        mine, abs=0.05
    )


def test_a_sketch_on_a_plateau_has_found_the_top() -> None:
    s = sketch()
    s.lock((0, 5, 10, 15, 0))
    assert "You put the top where it is, at about 300 s." in s.compare([0, 50, 350, 400], [0, 9, 9, 0])


def test_a_curve_with_gaps_or_elsewhere_is_compared_where_it_is_known() -> None:
    s = sketch()
    s.lock((0, 10, 10, 10, 0))
    assert "off by 5 buyers" in s.compare([100, 200, 300], [15, math.nan, 15])
    for x, y in (([500, 600], [1, 2]), ([0, 400], [math.nan] * 2), ([], [])):
        assert s.compare(x, y) == "The run has no curve here."
        assert s.reveal(x, y).png()


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_a_number_is_drawn_as_two_markers_on_one_axis() -> None:
    g = guess()
    assert markers(g.reveal(463)) == [("o", GREEN, 463, 0)]
    g.lock(200)
    picture = g.reveal(463)
    assert markers(picture) == [("o", GREEN, 463, 0), ("s", BLUE, 200, 1)]
    assert {"463 buyers", "200 buyers", "the run", "you", "How many?"} <= set(words(picture))
    axes = picture.figure.axes[0]
    assert axes.get_xlim() == (0, 1000) and axes.get_xlabel() == "buyers"
    assert g.reveal(-50).figure.axes[0].get_xlim() == (-50, 1000)
    assert g.reveal(5000).figure.axes[0].get_xlim() == (0, 5000)


def test_a_number_on_a_log_axis_may_be_zero() -> None:
    g = guess(low=1, high=10_000, step=None, log=True)
    g.lock(20)
    assert markers(g.reveal(139.2)) == [("o", GREEN, 139.2, 0), ("s", BLUE, 20, 1)]
    assert markers(g.reveal(0))[0] == ("o", GREEN, 1, 0) and "0 buyers" in words(g.reveal(0))
    assert g.reveal(5).figure.axes[0].get_xscale() == "log"


def test_a_number_is_drawn_on_a_curve() -> None:
    x, y = np.array([0, 100, 200]), np.array([0, 50, 0])
    g = guess()
    assert markers(g.reveal(100, curve=(x, y))) == [("o", GREEN, 100, 50)]
    g.lock(150)
    picture = g.reveal(100, curve=(x, y), labels=("workers", "paid"))
    assert markers(picture) == [("o", GREEN, 100, 50), ("s", BLUE, 150, 25)]
    axes = picture.figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("workers", "paid")
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), y)
    assert {"you: 150 buyers", "the run: 100 buyers"} <= set(words(picture))
    assert markers(g.reveal(50, curve=(x, y), at=100)) == [("o", GREEN, 100, 50), ("s", BLUE, 100, 150)]


def test_a_choice_is_framed_and_the_truth_filled() -> None:
    c = Choice("Which?", OPTIONS)
    c.lock("shorter")
    picture = c.reveal("longer", values={"shorter": 10, "longer": 30}, unit="buyers")
    bars = picture.figure.axes[0].patches
    assert [bar.get_width() for bar in bars] == [10, 30, 0]
    assert [bar.get_linestyle() for bar in bars] == ["--", "solid", "solid"]
    assert mcolors.to_hex(bars[1].get_facecolor()) != mcolors.to_hex(bars[0].get_facecolor())
    assert {"10 buyers, your choice", "30 buyers, the run", "", *OPTIONS} <= set(words(picture))
    assert {"your choice", "the run"} <= set(words(c.reveal("longer")))
    assert "the run, your choice" in words(c.reveal("shorter"))
    assert c.reveal("longer").png() and picture.png()


def test_a_sketch_is_drawn_over_the_curve() -> None:
    x, y = np.linspace(0, 400, 81), 10 + 10 * np.sin(np.linspace(0, 6, 81))
    s = sketch()
    assert len(s.reveal(x, y).figure.axes[0].lines) == 1
    s.lock((0, 20, 10, 0, 0))
    picture = s.reveal(x, y)
    true, mine, apart = picture.figure.axes[0].lines
    assert np.interp(100, *true.get_data()) == pytest.approx(np.interp(100, x, y))
    assert list(mine.get_data()[0]) == PLACES and list(mine.get_data()[1]) == [0, 20, 10, 0, 0]
    assert mine.get_linestyle() == "--" and mine.get_marker() == "s"
    low, high = apart.get_ydata()
    assert f"{number(abs(low - high))} apart" in words(picture) and {"you", "the run"} <= set(words(picture))
    assert picture.figure.axes[0].get_xlabel() == "time (s)"


def test_a_curve_that_is_never_negative_stands_on_zero() -> None:
    for low in (0, 1):
        axes = guess().reveal(30, curve=([low, 100, 200], [low, 50, 30]), at=200).figure.axes[0]
        assert (axes.get_xlim()[0], axes.get_ylim()[0]) == (0, 0)
    assert guess().reveal(900, curve=([0, 200], [800, 900]), at=200).figure.axes[0].get_ylim()[0] == 0
    assert guess().reveal(100, curve=([0, 200], [800, 900])).figure.axes[0].get_ylim()[0] > 700
    below = guess().reveal(30, curve=([-50, 100, 200], [-9, 50, 30]), at=200).figure.axes[0]
    assert below.get_xlim()[0] < -50 and below.get_ylim()[0] < -9


@pytest.mark.parametrize("rising", [True, False])
def test_the_words_of_guess_and_truth_stand_off_the_curve(rising: bool) -> None:
    g, x = guess(), np.linspace(0, 1000, 201)
    y = x if rising else 1000 - x
    g.lock(400)
    picture = g.reveal(500, curve=(x, y), at=500)
    picture.png()
    axes = picture.figure.axes[0]
    assert [text.get_text()[:8] for text in axes.texts] == ["the run:", "you: 400"]
    for text in axes.texts:
        box = text.get_window_extent()
        assert not any(box.contains(*at) for at in axes.transData.transform(np.column_stack([x, y])))


@pytest.mark.parametrize("presenter", [False, True])
def test_no_words_leave_the_page(presenter: bool) -> None:
    canvas.presenter(presenter)
    g, c, s = guess(), Choice("W" * 200, ["a long answer " * 4, "b"]), sketch()
    g.lock(990)
    c.lock("b")
    s.lock((20, 0, 0, 0, 20))
    pictures = [
        g.reveal(1000),
        g.reveal(1),
        s.reveal(PLACES, [0, 0, 0, 0, 20]),
        c.reveal("b", values={"b": 99_999}, unit="buyers"),
    ]
    pictures.append(g.reveal(800, curve=([0, 1000], [0, 9])))
    for picture in pictures:
        picture.png()
        width, height = picture.figure.bbox.width, picture.figure.bbox.height
        for text in [*picture.figure.texts, *picture.figure.axes[0].texts, *picture.figure.axes[0].get_yticklabels()]:
            if text.get_text():
                box = text.get_window_extent()
                assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height, text


# --- misuse by who writes a notebook ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: guess(low=5, high=5), "low 5, high 5: low must be below high; widen"),
        (lambda: guess(low=math.nan), "low nan: must be finite; pass a number"),
        (lambda: guess(high="many"), "high 'many': must be a number; pass one"),
        (lambda: guess(step=0), "step 0: must be above 0"),
        (lambda: guess(step=2000), "step 2000: must be above 0, at most high - low"),
        (lambda: guess(log=True, step=None), "low 0, high 1000: low must be below high, and above 0 on a log scale"),
        (lambda: guess(low=1, log=True), "step 10: .* left out with log=True"),
        (lambda: guess().lock(math.nan), "guess nan: must be from 0 to 1000"),
        (lambda: guess().lock(1001), "guess 1001: must be from 0 to 1000; choose one there"),
        (lambda: guess().compare([1, 2]), r"truth of 2 numbers: must be one; choose it, for example with \[-1\]"),
        (lambda: guess().compare("much"), "truth 'much': must be a number"),
        (lambda: guess().reveal(1, curve=([1, 0], [1, 1])), "x must rise; sort"),
        (lambda: Guess(" ", low=0, high=1, unit=""), "question ' ': must be a text; write what"),
        (lambda: Choice("Which?", []), r"options \[\]: must be 2 to 5 different texts"),
        (lambda: Choice("Which?", ["a"]), "must be 2 to 5"),
        (lambda: Choice("Which?", "ab"), "options 'ab': must be 2 to 5"),
        (lambda: Choice("Which?", ["a", "a"]), "must be 2 to 5"),
        (lambda: Choice("Which?", list("abcdef")), "must be 2 to 5"),
        (lambda: Choice("Which?", ["a", 2]), "must be 2 to 5"),  # type: ignore[list-item]
        (
            lambda: Choice("Which?", OPTIONS).compare("no"),
            "choice 'no': must be one of 'shorter', 'longer', 'the same'",
        ),
        (lambda: Choice("Which?", OPTIONS).compare("longer", {"no": "x"}), "choice 'no'"),
        (lambda: Choice("Which?", OPTIONS).lock("no"), "choice 'no'"),
        (lambda: sketch(x=[0, 1, 2, 3]), "x of 4 finite places: must be 5 to 9"),
        (lambda: sketch(x=[0, 1, 2, 3, math.nan]), "x of 4 finite places"),
        (lambda: sketch(x=[4, 3, 2, 1, 0]), "x must rise"),
        (lambda: sketch(high=-1), "low must be below high"),
        (lambda: sketch().lock((1, 2)), r"curve \(1, 2\): must be 5 numbers from 0 to 20"),
        (lambda: sketch().lock((0, 0, 0, 0, 21)), "must be 5 numbers from 0 to 20"),
        (lambda: sketch().compare([0, 1], [0]), "a curve of 2 x and 1 y: must be as many"),
    ],
)
def test_misuse_is_refused_with_name_value_bound_and_next_step(make: Any, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        make()


# --- numbers as people write them -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        ("18,500", [18_500]), ("18 500", [18_500]), ("18.5k", [18_500]), ("20K", [20_000]), ("1'200", [1200]),
        ("4_626", [4626]), ("12\u202f000 Bob", [12_000]), ("Anna: 18500", [18_500]), ("Ben;20", [20]),
        ("Anna,12000", [12_000]), ("12000,Anna", [12_000]), ("Team 7: 12000", [12_000]), ("team7 50", [50]),
        ("1. 4500", [4500]), ("3) 4500", [4500]), ("- 4500", [4500]), ("~5000", [5000]), ("\u22123", [-3]), ("-3", [-3]),
        ("1e3", [1000]), ("42 %", [42]), ("0,65", [0.65]), (".5", [0.5]), ("$4,500", [4500]), ("2.3 min", [2.3]),
        ("5 million buyers", [5e6]), ("12,000,000", [12e6]), ("100, 200, 300", [100, 200, 300]), ("7; 8", [7, 8]),
        ("2024-05-01, 5000", [5000]), ("0", [0]), ("about 10", [10]), ("3.", [3]),
        ("Team 7 12000", None), ("12:30", None), ("between 100 and 200", None), ("1,2,3", None), ("1.234,5", None),
        ("1e999", None), ("nan", None), ("no idea", None), ("5k-6k", None), ("10-20", None), ("x", None),
    ],
)  # fmt: skip
def test_a_pasted_line_is_read_or_left_out(line: str, numbers: list[float] | None) -> None:
    assert read_list(f"\n{line}\n \n") == ((numbers, []) if numbers else ([], [line]))


def test_the_one_number_of_a_text() -> None:
    assert read("about ten") is None and read("") is None and read("1 or 2") is None
    assert read("42 %") == 42


@pytest.mark.parametrize(
    ("value", "said"),
    [(99.99, "100"), (0.05, "0.05"), (-1234.5, "-1,234"), (math.nan, "no number"), (3, "3"), (2.346, "2.35")],
)
def test_numbers_as_one_says_them(value: float, said: str) -> None:
    assert number(value) == said


def test_helpers_at_their_edges() -> None:
    assert gap(5, math.inf) == "" and written.bare(" 'B'. ") == "b"
    assert written.readout(2.5, False) == ",.1f"
    assert written.limits(0, 1, 0.1, False) == (0, 1, 0.1, 0.5)


# --- the series -------------------------------------------------------------------------------------------------------


def asked(tree: ast.AST) -> Iterator[dict[str, Any]]:
    """The keywords of every Guess in a cell, as far as they are plain numbers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "Guess":
            yield {word.arg: ast.literal_eval(word.value) for word in node.keywords if word.arg}


def test_no_slider_of_the_series_starts_at_its_answer() -> None:
    """A guess that was not moved must not be rewarded: its start is no good guess."""
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        guesses = [each for text in code for each in asked(ast.parse(text))]
        told = re.findall(r"The run says ([\d,.]+\d)[^\n]*\(No guess was locked\.\)", outputs(path))
        assert len(told) >= len(guesses), f"{path.name}: a guess that is never compared"
        for each, truth in zip(guesses, told, strict=False):
            low, high, _, start = written.limits(each["low"], each["high"], each.get("step"), each.get("log", False))
            scale = math.log if each.get("log") else float
            far = abs(scale(float(truth.replace(",", ""))) - scale(start)) / (scale(high) - scale(low))
            praised = gap(start, float(truth.replace(",", ""))).startswith(("spot on", "within"))
            assert far > 0.05 and not praised, (
                f"{path.name}: {each} starts at its answer, {truth}; choose another range"
            )
