"""Predictions lock once; exercises never raise, never tell, and accept their tolerance."""

import json
from typing import Any

import pytest

from flashsale_lib import ParameterError, UnknownParameterError, exercises
from flashsale_lib.exercises import Exercise, Guess, exercise, key


def guess() -> Guess:
    return Guess("How many?", low=0, high=1000, step=10, unit="buyers")


def test_a_guess_locks_by_the_button_and_only_once() -> None:
    g = guess()
    g._slider.value = 300
    g._button.click()
    g.lock(700)
    assert g.locked == 300
    assert g._slider.disabled and g._button.disabled
    assert "Locked: 300 buyers" in g._said.value


@pytest.mark.parametrize(
    ("locked", "truth", "words"),
    [
        (100, 100, "spot on"),
        (105, 100, "within 10 %, well judged"),
        (150, 100, "you were 50 too high"),
        (60, 100, "you were 40 too low"),
        (800, 100, "your guess is 8.0 times the real number"),
        (10, 100, "the real number is 10.0 times your guess"),
        (0, 100, "you were 100 too low"),
        (50, 0, "you were 50 too high"),
    ],
)
def test_the_gap_is_put_in_words(locked: float, truth: float, words: str) -> None:
    g = guess()
    g.lock(locked)
    assert g.compare(truth).endswith(f": {words}.")


def test_no_guess_is_no_error() -> None:
    assert guess().compare(42) == "The run says 42 buyers. (No guess was locked.)"
    assert guess()._repr_mimebundle_()["text/plain"] == "Prediction: How many?"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "not answered yet"),
        (..., "not answered yet"),
        ("about ten", "not a number"),
        ([1, 2], "not a number"),
        (float("nan"), "is not an answer we can check"),
        (float("inf"), "is not an answer we can check"),
        (1e300, "not yet. Open the first hint"),
        (12, "not yet. Open the first hint"),
        ("10", "right."),
        (10.4, "right."),
        (9, "right."),
        (11, "right."),
        (7, "not yet. Seven is a lucky number only."),
    ],
)
def test_any_answer_gets_a_verdict(answer: Any, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    e = Exercise(
        "ten", step=1, slack=1, right=key("ten", 10, 1), wrong={key("ten", 7, 1): "Seven is a lucky number only."}
    )
    e.check(answer)
    assert words in capsys.readouterr().out


def test_the_bank_holds_no_plain_answer() -> None:
    for name, entry in exercises._bank().items():
        assert set(entry) == {"step", "slack", "right", "praise", "wrong"}, name
        assert len(entry["right"]) == 16 and int(entry["right"], 16) >= 0
        json.dumps(entry)


def test_unknown_names_and_impossible_keys_say_so() -> None:
    with pytest.raises(UnknownParameterError, match="unknown name; use one of"):
        exercise("no such exercise")
    with pytest.raises(ParameterError, match="must be finite"):
        key("x", float("nan"), 1)
