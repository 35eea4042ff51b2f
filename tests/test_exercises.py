"""Exercises never raise, never tell, and accept their tolerance; progress counts once; a class's guesses are pooled."""

import hashlib
import io
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import answers
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from flashsale_lib import ParameterError, UnknownParameterError
from flashsale_lib.classroom import exercises, keys
from flashsale_lib.classroom.exercises import Choice, Exercise, Guess, Sketch, exercise, pool, progress
from flashsale_lib.classroom.keys import seal
from flashsale_lib.pictures import canvas

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    exercises.forget()
    yield
    exercises.forget()
    canvas.presenter(False)


def ten(**changed: Any) -> Exercise:
    plain = {"right": 10, "wrong": {7: "Seven is a lucky number only."}, "praise": "Well done.", "step": 1, "slack": 1}
    return Exercise("ten", **seal("ten", **{**plain, **changed}))


class Evil:
    """Answers nothing without an error, not even its own repr."""

    def __repr__(self) -> str:
        raise RuntimeError("no")

    __str__ = __float__ = __array__ = __len__ = __iter__ = __eq__ = __repr__  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


# --- verdicts ---------------------------------------------------------------------------------------------------------

FIRST = "not yet. Open the first hint"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "not answered yet. Put your number in place of None and run the cell again."),
        (..., "not answered yet"),
        ("  ", "not answered yet"),
        ("about ten", "not a number: 'about ten'. Write just the number, like 42 or 0.5."),
        ("1 or 2", "not a number: '1 or 2'"),
        ([1, 2], "2 numbers, but one is asked for. Choose it"),
        ([], "0 numbers, but one is asked for"),
        (range(3), "3 numbers"),
        (np.ones((2, 3)), "6 numbers"),
        (float("nan"), "nan is not an answer we can check. Write a finite number."),
        (float("inf"), "inf is not an answer we can check"),
        (-1e308, "-1e+308 is not an answer we can check"),
        (10**400, "a number too large to check"),
        (3 + 4j, "not a number: (3+4j)"),
        (True, "not a number: True"),
        (np.bool_(True), "not a number"),
        (print, "a function, not a number. Call it"),
        (int, "a function, not a number"),
        ({"a": 10}, "not a number: a value of type dict"),
        ({10}, "not a number: a value of type set"),
        (object(), "not a number: a value of type object"),
        ((x for x in [10]), "not a number: a value of type generator"),
        (b"10", "not a number"),
        (pd.NA, "not a number"),
        (pd.NaT, "not a number"),
        (pd.Timedelta("10s"), "not a number"),
        (np.timedelta64(10, "s"), "not a number"),
        ([[1], [1, 2]], "cannot read this list as an answer"),
        (Evil(), "cannot read this Evil as an answer. Write it out"),
        ("x" * 5000, "not a number: 'xxxxxxxxxxxx...xxxxxxxxxxxxx'"),
        (1e300, FIRST),
        (-12, FIRST),
        (12, FIRST),
        (0, FIRST),
        ("10", "right. Well done."),
        ("10 %", "right."),
        ("9,6", "right."),
        (10.4, "right."),
        (9, "right."),
        (11, "right."),
        (np.float32(10), "right."),
        (np.int64(11), "right."),
        (np.array(10.0), "right."),
        ([10], "right."),
        (["10"], "right."),
        (pd.Series([10.2]), "right."),
        (Decimal("10.3"), "right."),
        (Fraction(21, 2), "right."),
        (7, "not yet. Seven is a lucky number only."),
        (7.15, "not yet. Seven is a lucky number only."),
        (6.5, FIRST),
    ],
)
@pytest.mark.filterwarnings("error")
def test_any_answer_gets_a_verdict(answer: Any, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    ten().check(answer)
    assert capsys.readouterr().out.startswith(f"ten: {words}")


def test_no_verdict_holds_an_address() -> None:
    for answer in (object(), lambda: 3, Evil(), print, (x for x in [1])):
        assert "0x" not in ten().verdict(answer)


@pytest.mark.parametrize(
    ("right", "answer", "words"),
    [
        (65, 0.65, "100 times too small. A share where per cent are asked for?"),
        (0.65, 65, "100 times too large. Per cent where a share is asked for?"),
        (0.65, "65 %", "100 times too large."),
        (139.2, 2.32, "60 times too small. Minutes where seconds"),
        (2.32, 139.2, "60 times too large. Seconds where minutes"),
        (1500, 1.5, "1,000 times too small. Seconds where milliseconds"),
        (1.5, 1500, "1,000 times too large. Milliseconds where seconds"),
        (-65, -0.65, "100 times too small."),
    ],
)
def test_the_right_number_in_another_unit_is_said_to_be_that(right: float, answer: Any, words: str) -> None:
    e = Exercise("unit", **seal("unit", right=right, step=right / 100 if right > 0 else 1, slack=1))
    assert e.verdict(answer).startswith(f"almost. The right number, but in another unit: yours is {words}")
    assert not e.solved


def test_a_coarse_small_answer_makes_no_number_a_slip_with_units() -> None:
    e = Exercise("few", **seal("few", right=2, step=1, slack=1))
    assert all(e.verdict(answer).startswith("not yet") for answer in (100, 200, 300, 2000, 120, 0.02))
    zero = Exercise("none", **seal("none", right=0, step=1))
    assert all(zero.verdict(answer).startswith("not yet") for answer in (1, 10, 100, 1e6))


def test_feedback_known_for_an_answer_comes_before_a_slip_with_units() -> None:
    e = Exercise("rate", **seal("rate", right=60, wrong={1: "Per second, and the door counts minutes."}, step=1))
    assert e.verdict(1) == "not yet. Per second, and the door counts minutes."


def test_hints_are_named_one_after_the_other_and_the_solution_last() -> None:
    said = [ten().verdict(answer) for answer in (20, 20, 30, 40, 50)]  # the same answer again is no other try
    named = [re.search(r"first|second|third|solution", text) for text in said]
    assert [found and found[0] for found in named] == ["first", "first", "second", "third", "solution"]


def test_a_word_or_letter() -> None:
    e = Exercise(
        "queue",
        **seal("queue", right="b", wrong={"a": "No: workers are calls."}, options=["a", "b", "c"], praise="Yes."),
    )
    assert e.verdict(None) == "not answered yet. Put your answer, in quotes, in place of None and run the cell again."
    for answer in ("b", " B ", "(b)", "b)", '"b"'):
        assert e.verdict(answer) == "right. Yes."
    assert e.verdict("A.") == "not yet. No: workers are calls."
    assert e.verdict("c").startswith(FIRST)
    assert e.verdict("d") == "'d' is not among the answers. Write one of a, b, c, in quotes."
    assert e.verdict(2) == "not a text: 2. Write one of a, b, c, in quotes."
    assert e.verdict(Evil()) == "not a text: a value of type Evil. Write one of a, b, c, in quotes."
    free = Exercise("law", **seal("law", right="Little's law"))
    assert free.verdict("little's  LAW") == "right."
    assert free.verdict("Erlang").startswith(FIRST) and free.verdict([]).endswith("Write a word, in quotes.")


def test_several_numbers() -> None:
    plain = {"right": (1, 2.5, 40), "wrong": {(40, 2.5, 1): "The other way round."}, "step": 0.5, "slack": 1}
    e = Exercise("three", **seal("three", **plain))
    assert e.verdict(None).startswith("not answered yet. Put your 3 numbers")
    for answer in (
        (1, 2.5, 40),
        [1.5, 2.2, 39.5],
        np.array([1, 2.5, 40]),
        "1; 2.5; 40",
        ("1", "2.5", 40),
        pd.Series([1, 2, 40]),
    ):
        assert e.verdict(answer) == "right."
    assert e.verdict((40, 2.5, 1)) == "not yet. The other way round."
    assert e.verdict((1, 2, 3)).startswith(FIRST)
    assert e.verdict((0.01, 0.025, 0.4)).startswith("almost. The right number, but in another unit: yours is 100 times")
    assert e.verdict(5) == e.verdict([5]) == "1 numbers, but 3 are asked for, like (1, 2)."
    assert e.verdict((1, 2, float("nan"))) == "1.0, 2.0, nan is not an answer we can check. Write finite numbers."


# --- keys -------------------------------------------------------------------------------------------------------------


def test_the_bank_tells_neither_answer_nor_feedback() -> None:
    bank = (ROOT / "flashsale_lib" / "classroom" / "exercises.json").read_text(encoding="utf-8")
    for name, entry in json.loads(bank).items():
        plain = answers.ANSWERS[name]
        assert set(entry) in ({"step", "slack", "size", "verdicts"}, {"options", "verdicts"}), name
        assert len(entry["verdicts"]) == 1 + len(plain["wrong"])
        assert list(entry["verdicts"]) == sorted(entry["verdicts"]), "the order would tell which is right"
        assert all(re.fullmatch(r"[0-9a-f]+", text) for pair in entry["verdicts"].items() for text in pair)
        for text in (plain["praise"], *plain["wrong"].values()):
            assert text not in bank.replace(name, "")


def test_the_bank_and_the_answers_name_the_same_exercises_and_the_notebooks_only_those() -> None:
    assert list(exercises._bank()) == list(answers.ANSWERS)
    used = set()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        used |= set(re.findall(r'exercises\.exercise\(\\"(.+?)\\"\)', path.read_text(encoding="utf-8")))
    assert used <= set(answers.ANSWERS)
    assert "average load" in used


def test_no_feedback_states_the_answer() -> None:
    """Numbers from 20 on: smaller ones stand in any sentence. Praise is for those who have it already."""
    for name, plain in answers.ANSWERS.items():
        rights = plain["right"] if isinstance(plain["right"], tuple) else (plain["right"],)
        shown = (
            {str(each) for right in rights for each in (right, round(right)) if abs(right) >= 20}
            if plain.get("step")
            else set()
        )
        told = re.findall(r"\d+(?:\.\d+)?", " ".join(plain["wrong"].values()).replace(",", ""))
        assert not shown & set(told), name


def test_a_check_costs_a_bounded_number_of_hash_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """At about 0.6 microseconds a round: below 30 ms, whatever the tolerance. Guessing all numbers to 10,000 takes 10 s."""
    rounds: list[int] = []
    slow = hashlib.pbkdf2_hmac
    monkeypatch.setattr(keys.hashlib, "pbkdf2_hmac", lambda *a: (rounds.append(a[3]), slow(*a))[1])
    for plain in ({"step": 1, "slack": s, "right": 1} for s in (0, 1, 2, 5, 13)):
        e = Exercise("cost", **seal("cost", **plain))
        rounds.clear()
        assert e.verdict(123_456.7).startswith("not yet")
        assert sum(rounds) <= 10 * keys.WORK
    several = Exercise("cost", **seal("cost", right=(1, 2, 3), step=1, slack=1))
    rounds.clear()
    assert several.verdict((1e5, 2e5, 3e5)).startswith("not yet") and sum(rounds) <= 10 * keys.WORK
    assert keys.work(0) == keys.WORK and min(rounds) >= 100


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({"right": float("nan"), "step": 1}, "x: answers must be finite and the step 1 above 0"),
        ({"right": 1, "step": 0}, "the step 0 above 0"),
        ({"right": 1, "step": 1, "slack": 14}, "slack 14 for 1 numbers: must be 0 to 13"),
        ({"right": 1, "step": 1, "slack": -1}, "slack -1"),
        ({"right": (1, 2, 3, 4), "step": 1, "slack": 1}, "slack 1 for 4 numbers"),
        ({"right": 10, "wrong": {11: "no"}, "step": 1, "slack": 1}, "wrong answer 11 would count as right"),
        ({"right": 10, "wrong": {100: "a", 100.2: "b"}, "step": 1}, "two answers cannot be told apart"),
        ({"right": "b", "wrong": {"B ": "no"}}, "two answers cannot be told apart"),
        ({"right": "d", "options": ["a", "b"]}, r"answers \['d'\] are not all among the options \['a', 'b'\]; add"),
    ],
)
def test_exercises_that_cannot_work_are_refused(plain: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        seal("x", **plain)


def test_known_wrong_answers_are_recognised_within_3_per_cent_and_never_beyond_6() -> None:
    rng = np.random.default_rng(4)
    for value in rng.lognormal(0, 5, 200) * rng.choice([-1, 1], 200):
        assert keys.near(value)[0] in keys.near(value * 1.0299) and keys.near(value)[0] in keys.near(value / 1.0299)
        assert keys.near(value)[0] not in keys.near(value * 1.061) and keys.near(value)[0] not in keys.near(-value)
    assert keys.near(0) == ["~0"]


def test_unknown_names_say_so() -> None:
    with pytest.raises(UnknownParameterError, match="'no such exercise': unknown name; use one of average load"):
        exercise("no such exercise")


# --- progress ---------------------------------------------------------------------------------------------------------


def test_progress_counts_each_prediction_and_exercise_once() -> None:
    assert repr(progress()) == "Nothing to count yet. Run the cells above first."
    assert "Nothing to count yet" in progress()._repr_html_()
    for _ in range(2):  # cells that run twice
        guess = Guess("How many?", low=0, high=10, unit="")
        Choice("Which?", ["a", "b"])
        first, second = ten(), exercise("best workers")
    assert repr(progress()) == "Predictions locked: 0 of 2. Exercises solved: 0 of 2 (open: ten, best workers)."
    guess.lock(3)
    first.verdict(10)
    assert first.solved and not second.solved
    assert repr(progress()) == "Predictions locked: 1 of 2. Exercises solved: 1 of 2 (open: best workers)."
    assert not ten().solved and progress().exercises["ten"], "solved stays solved when its cell runs again"
    second.verdict(160)
    Choice("Which?", ["a", "b"]).lock("a")
    assert repr(progress()) == "Predictions locked: 2 of 2. Exercises solved: 2 of 2."
    exercises.forget()
    Sketch("How?", [0, 1, 2, 3, 4], low=0, high=1, unit="")
    assert repr(progress()) == "Predictions locked: 0 of 1."


def test_progress_is_shown_as_meters_with_their_words() -> None:
    Exercise("a <b> & c", **seal("a <b> & c", right=1, step=1))
    ten().verdict(10)
    shown = progress()._repr_html_()
    assert '<meter min="0" max="2" value="1"' in shown and 'aria-label="Exercises solved"' in shown
    assert "Exercises solved: 1 of 2 (open: a &lt;b&gt; &amp; c)." in shown
    assert "110%" in shown
    canvas.presenter()
    assert "145%" in progress()._repr_html_()


# --- a class ----------------------------------------------------------------------------------------------------------


def drawn(picture: canvas.Picture) -> tuple[list[tuple[float, float, float]], dict[str, float], list[str]]:
    """Bars as (left, right, height), vertical lines by name, all words; and the page can be drawn."""
    assert Image.open(io.BytesIO(picture.png())).width > 500
    axes = picture.figure.axes[0]
    bars = [(bar.get_x(), bar.get_x() + bar.get_width(), bar.get_height()) for bar in axes.patches]
    names = [text.get_text() for text in axes.texts]
    at = {
        name.split()[0]: line.get_xdata()[0] for line in axes.lines for name in names if name.split()[0] == _name(line)
    }
    return bars, at, names


def _name(line: Any) -> str:
    return "median" if line.get_linestyle() == "--" else "truth"


def test_a_class_is_pooled_into_one_histogram() -> None:
    text = "Anna: 18,500\nBen 20k\n12 000\n\nCleo;4,500\n16000 buyers\nno idea\n10 or 20\n30000"
    picture = pool(text, truth=4626.3, unit="buyers", question="How many pay?")
    assert repr(picture) == (
        "6 guesses, median 17,250 buyers. Truth 4,626 buyers: 1 within 10 %, 5 higher, 0 lower. "
        '5 of 6 were above 10,000. Left out 2 lines: "no idea", "10 or 20".'
    )
    bars, at, names = drawn(picture)
    guesses = [18_500, 20_000, 12_000, 4_500, 16_000, 30_000]
    assert sum(height for *_, height in bars) == 6
    for left, right, height in bars:
        assert height == sum(left <= guess < right for guess in guesses)
    assert at == {"truth": 4626.3, "median": 17_250}
    assert {"truth 4,626", "median 17,250"} <= set(names)
    axes = picture.figure.axes[0]
    assert axes.get_xlabel() == "buyers" and axes.get_xscale() == "linear"


def test_most_below_the_truth_is_said_too() -> None:
    assert "4 of 5 were below 50." in repr(pool([10, 20, 30, 40, 300], truth=200))
    assert " were " not in repr(pool([10, 300], truth=200)) and " were " not in repr(pool([100, 200, 300], truth=200))


def test_huge_ranges_get_bins_that_grow() -> None:
    picture = pool("1\n30\n900\n40,000\n0", truth=139, unit="s")
    bars, _, _ = drawn(picture)
    assert sum(height for *_, height in bars) == 5
    assert all(right / left == pytest.approx(2) or right / left == pytest.approx(2.5) for left, right, _ in bars)
    assert picture.figure.axes[0].get_xscale() == "log"
    assert picture.figure.axes[0].get_xlabel() == "s (log scale; 0 in the first bar)"
    wide, _, _ = drawn(pool([1e-3, 1, 1e12]))
    assert len(wide) < 20 and sum(height for *_, height in wide) == 3
    assert drawn(pool([-5, 0, 4000]))[0]


@pytest.mark.parametrize(
    ("text", "said", "bars"),
    [
        ("", "No guesses yet.", 0),
        ("hm\nha", 'No guesses yet. Left out 2 lines: "hm", "ha".', 0),
        ("a\nb\nc\nd", 'No guesses yet. Left out 4 lines: "a", "b", "c" and others.', 0),
        ("x" * 40, f'No guesses yet. Left out 1 line: "{"x" * 27}...".', 0),
        ("500", "1 guess: 500.", 1),
        ("0", "1 guess: 0.", 1),
        ("500\n500\n500", "3 guesses, median 500.", 3),
        ("0.65\n0.7", "2 guesses, median 0.675.", 2),
        ("-5\n-5.5", "2 guesses, median -5.25.", 2),
    ],
)
def test_a_pool_of_little_is_still_right(text: str, said: str, bars: int) -> None:
    picture = pool(text)
    assert repr(picture) == said
    found, at, names = drawn(picture)
    assert sum(height for *_, height in found) == bars
    assert ("no guesses yet" in names) == (bars == 0) and ("median" in at) == (bars > 0)


def test_a_truth_alone_or_none() -> None:
    assert repr(pool("", truth=4626, unit="buyers")) == "No guesses yet. Truth 4,626 buyers."
    assert drawn(pool("", truth=4626))[1] == {"truth": 4626}
    assert (
        repr(pool("1\n2", truth=float("nan"))) == "2 guesses, median 1.5." and drawn(pool("1", truth=float("inf")))[0]
    )
    assert repr(pool([1, 2.5, "3k", "Anna: 4"])) == "4 guesses, median 3.25."
    with pytest.raises(ParameterError, match="truth of 2 numbers: must be one"):
        pool("1", truth=[1, 2])


def test_choices_of_a_class_are_counted() -> None:
    text = "Anna: a\nBen: shorter\nB\nLonger.\nc)\nfoo\nz"
    picture = pool(text, options=["shorter", "longer", "the same"], truth="longer", question="Which?")
    assert repr(picture) == (
        "5 votes. shorter: 2 (40 %), longer: 2 (40 %), the same: 1 (20 %). The truth is: longer. "
        'Left out 2 lines: "foo", "z".'
    )
    bars, _, names = drawn(picture)
    assert [right - left for left, right, _ in bars] == [2, 2, 1]
    assert names == ["2 (40 %)", "2 (40 %), the truth", "1 (20 %)"]
    assert repr(pool("a", options="ab")) == "1 vote. a: 1 (100 %), b: 0 (0 %)."
    assert drawn(pool("", options=["x", "y"]))[0] and repr(pool("", options=["x", "y"])).startswith("0 votes.")
    with pytest.raises(ParameterError, match="truth 'no': must be one of 'x', 'y'"):
        pool("", options=["x", "y"], truth="no")


@pytest.mark.parametrize("presenter", [False, True])
def test_pooled_words_stay_on_the_page(presenter: bool) -> None:
    canvas.presenter(presenter)
    long = ["a very long answer that somebody wrote", "b"]
    for picture in (
        pool([1, 2, 3, 9], truth=9.5, question="Q" * 300),
        pool("1\n1000000", truth=1e6),
        pool("a", options=long, truth=long[0]),
    ):
        picture.png()
        for text in [*picture.figure.texts, *picture.figure.axes[0].texts]:
            if text.get_text():
                box = text.get_window_extent()
                assert box.x0 >= 0 and box.x1 <= picture.figure.bbox.width, text
