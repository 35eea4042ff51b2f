"""Predictions that lock, and exercises that check themselves without holding the answer.

The exercises of the series stand in `exercises.json` beside this module, by one-way keys only.
"""

from __future__ import annotations

import hashlib
import html
import json
import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import ipywidgets as widgets

from .parameters import ParameterError, UnknownParameterError
from .words import count


class Guess:
    """A number the learner commits to before the run: a slider and a button that locks it for good.

    `compare(truth)` then puts the two side by side. Without a locked guess it only states the truth, so that an
    unanswered prediction never stops a notebook.

    >>> guess = Guess("How many pay?", low=0, high=100, step=5, unit="buyers")
    >>> guess.lock(80)
    >>> print(guess.compare(20))
    You said 80 buyers. The run says 20 buyers: your guess is 4.0 times the real number.
    """

    def __init__(self, question: str, *, low: float, high: float, step: float, unit: str) -> None:
        self.question = question
        self.unit = unit
        self.locked: float | None = None
        middle = low + step * round((high - low) / (2 * step))
        self._slider = widgets.FloatSlider(
            value=middle, min=low, max=high, step=step, readout_format=",.0f", description=f"My guess ({unit})",
            style={"description_width": "initial"}, layout=widgets.Layout(width="100%", max_width="40em"),
        )  # fmt: skip
        self._button = widgets.Button(description="Lock my guess", button_style="primary", icon="lock")
        self._button.on_click(lambda _: self.lock(self._slider.value))
        self._said = widgets.HTML()
        title = widgets.HTML(f"<b>{html.escape(question)}</b>")
        self.widget = widgets.VBox([title, self._slider, self._button, self._said])

    def lock(self, value: float) -> None:
        """Commit to a value. Only the first time counts."""
        if self.locked is not None:
            return
        self.locked = float(value)
        self._slider.value = self.locked
        self._slider.disabled = self._button.disabled = True
        self._said.value = (
            f'<span role="status">Locked: {count(self.locked)} {html.escape(self.unit)}. Now run on.</span>'
        )

    def compare(self, truth: float) -> str:
        """The guess against the truth, in words."""
        said = f"The run says {count(truth)} {self.unit}"
        if self.locked is None:
            return f"{said}. (No guess was locked.)"
        return f"You said {count(self.locked)} {self.unit}. {said}: {_gap(self.locked, truth)}."

    def __repr__(self) -> str:
        return f"Prediction: {self.question}"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return {**(self.widget._repr_mimebundle_(**kwargs) or {}), "text/plain": repr(self)}


def _gap(guess: float, truth: float) -> str:
    if abs(guess - truth) <= 0.1 * abs(truth):
        return "spot on" if guess == truth else "within 10 %, well judged"
    if guess <= 0 or truth <= 0 or 0.5 < guess / truth < 2:
        return f"you were {count(abs(guess - truth))} {'too high' if guess > truth else 'too low'}"
    if guess > truth:
        return f"your guess is {guess / truth:.1f} times the real number"
    return f"the real number is {truth / guess:.1f} times your guess"


class Exercise:
    """A number to find. The notebook holds only one-way keys: of the right answer, and of the usual wrong ones.

    Parameters
    ----------
    name : of the exercise; part of every key.
    step : answers are rounded to multiples of this before they are compared.
    slack : how many multiples to either side are accepted as well: the tolerance.
    right : key of the right answer, from `key(name, answer, step)`.
    wrong : keys of known wrong answers, each with the feedback meant for it.

    >>> exercise = Exercise("sum", step=1, slack=0, right=key("sum", 4, 1), wrong={key("sum", 22, 1): "You glued them together."})
    >>> exercise.check(None)
    sum: not answered yet. Put your number in place of None and run the cell again.
    >>> exercise.check(22)
    sum: not yet. You glued them together.
    >>> exercise.check(4)
    sum: right.
    """

    def __init__(
        self,
        name: str,
        *,
        step: float,
        slack: int,
        right: str,
        wrong: Mapping[str, str] | None = None,
        praise: str = "",
    ) -> None:
        self.name = name
        self.step = step
        self.slack = slack
        self.right = right
        self.wrong = dict(wrong or {})
        self.praise = praise
        self.solved = False

    def check(self, answer: Any) -> None:
        """Say whether `answer` is right; never raises on whatever a learner may have written."""
        print(f"{self.name}: {self.verdict(answer)}")

    def verdict(self, answer: Any) -> str:
        if answer is None or answer is ...:
            return "not answered yet. Put your number in place of None and run the cell again."
        try:
            number = float(answer)
        except (TypeError, ValueError, OverflowError):
            return f"not a number: {answer!r}. Write just the number, like 42 or 0.5."
        if not math.isfinite(number / self.step):
            return f"{number} is not an answer we can check. Write a finite number."
        nearest = round(number / self.step)
        keys = [_digest(self.name, nearest + offset) for offset in range(-self.slack, self.slack + 1)]
        if self.right in keys:
            self.solved = True
            return f"right. {self.praise}".rstrip()
        for key_ in sorted(keys, key=lambda k: k != _digest(self.name, nearest)):
            if key_ in self.wrong:
                return f"not yet. {self.wrong[key_]}"
        return "not yet. Open the first hint and try again."


@cache
def _bank() -> dict[str, Any]:
    bank: dict[str, Any] = json.loads(files(__package__).joinpath("exercises.json").read_text(encoding="utf-8"))
    return bank


def exercise(name: str) -> Exercise:
    """An exercise of the series, by the name its notebook gives it.

    >>> exercise("average load").check(43)
    average load: not yet. That is the normal turnout. Now 1.5 times as many come.
    """
    if name not in _bank():
        raise UnknownParameterError(f"exercise {name!r}: unknown name; use one of {', '.join(_bank())}")
    return Exercise(name, **_bank()[name])


def key(name: str, answer: float, step: float) -> str:
    """The one-way key of an answer; for whoever writes an exercise, not for its notebook."""
    if not (math.isfinite(answer) and step > 0):
        raise ParameterError(f"answer {answer!r} with step {step!r}: must be finite, the step above 0; pass numbers")
    return _digest(name, round(answer / step))


def _digest(name: str, multiple: int) -> str:
    return hashlib.sha256(f"flash sale, exercise {name}: {multiple}".encode()).hexdigest()[:16]
