"""Exercises that check themselves without holding the answer; predictions; a learner's progress; a class's guesses.

The exercises of the series stand in `exercises.json` beside this module, by one-way keys only (see `keys`).
"""

from __future__ import annotations

import html
import json
import math
import re
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullLocator

from ..parameters import ParameterError, UnknownParameterError
from ..pictures.canvas import GREEN, INK, SKY, STYLE, Picture, presenting, round_up
from ..pictures.sheets import beside, plain, rows, sheet
from ..pictures.words import share
from ..pictures.written import bare, number, one, read, read_list
from .keys import near, rounded, unseal, work
from .predictions import LOCKED, Choice, Guess, Sketch

__all__ = ["Choice", "Exercise", "Guess", "Progress", "Sketch", "exercise", "forget", "pool", "progress"]

SOLVED: dict[str, bool] = {}
"""The exercises this kernel has made, by name, and whether each was solved since."""
_tried: dict[str, set[str]] = {}

SLIPS = (
    (100, "100 times too small. A share where per cent are asked for?"),
    (1 / 100, "100 times too large. Per cent where a share is asked for?"),
    (60, "60 times too small. Minutes where seconds are asked for, or hours where minutes are?"),
    (1 / 60, "60 times too large. Seconds where minutes are asked for, or minutes where hours are?"),
    (1000, "1,000 times too small. Seconds where milliseconds are asked for, or thousands?"),
    (1 / 1000, "1,000 times too large. Milliseconds where seconds are asked for, or not in thousands?"),
)
"""Slips with units: what an answer must be multiplied by to be right, and how to say so."""


class Exercise:
    """A number to find, several numbers, or a word; the notebook holds only one-way keys, made by `keys.seal`.

    Parameters
    ----------
    name : of the exercise; part of every key.
    verdicts : what to say to the right answer and to each known wrong one, locked away with that answer.
    step : numbers are rounded to multiples of this before they are compared; None asks for a word or letter.
    slack : how many multiples to either side are accepted as well: the tolerance.
    size : how many numbers.
    options : the words or letters to choose from; any word if there are none.

    >>> from flashsale_lib.classroom.keys import seal
    >>> exercise = Exercise("sum", **seal("sum", right=4, wrong={22: "You glued them together."}, step=1))
    >>> exercise.check(None)
    sum: not answered yet. Put your number in place of None and run the cell again.
    >>> exercise.check(22)
    sum: not yet. You glued them together.
    >>> exercise.check("4.0")
    sum: right.
    """

    def __init__(
        self, name: str, *, verdicts: Mapping[str, str], step: float | None = None, slack: int = 0, size: int = 1,
        options: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.name, self.step, self.slack, self.size = name, step, slack, size
        self.options, self._verdicts = list(options), dict(verdicts)
        self.solved = False
        SOLVED.setdefault(name, False)

    def check(self, answer: Any) -> None:
        """Say whether `answer` is right; never raises on whatever a learner may have written."""
        print(f"{self.name}: {self.verdict(answer)}")

    def verdict(self, answer: Any) -> str:
        """What `check` says."""
        try:
            if answer is None or answer is ... or (isinstance(answer, str) and not answer.strip()):
                what = ("number" if self.size == 1 else f"{self.size} numbers") if self.step else "answer, in quotes,"
                return f"not answered yet. Put your {what} in place of None and run the cell again."
            return self._of_numbers(answer) if self.step else self._of_word(answer)
        except Exception:  # a learner's object may do anything, even when only looked at
            return f"cannot read this {type(answer).__name__} as an answer. Write it out, like 42 or 0.5."

    def _of_word(self, answer: Any) -> str:
        wanted = f"one of {', '.join(self.options)}" if self.options else "a word"
        if not isinstance(answer, str):
            return f"not a text: {_shown(answer)}. Write {wanted}, in quotes."
        word = bare(answer)
        if self.options and word not in map(bare, self.options):
            return f"{_shown(answer)} is not among the answers. Write {wanted}, in quotes."
        return self._said(unseal(self.name, [word], self._verdicts), word)

    def _of_numbers(self, answer: Any) -> str:
        values = numbers(answer, self.size)
        if isinstance(values, str):
            return values
        step = self.step or 1.0
        if not all(math.isfinite(1000 * value / step) for value in values):
            shown = ", ".join(map(str, values))
            return f"{shown} is not an answer we can check. Write {'a finite number' if self.size == 1 else 'finite numbers'}."
        found = self._open(rounded(values, step, self.slack))
        found = found or self._open(near(values[0]) if self.size == 1 else ["~" + rounded(values, step)[0]])
        for factor, words in SLIPS if found is None else ():
            scaled = [factor * value for value in values]
            # Only where the tolerance is within 10 per cent: else any number would do for a small one.
            if max(map(abs, scaled)) >= 10 * (self.slack + 0.5) * step:
                hit = self._open(rounded(scaled, step, self.slack))
                if hit and hit[0] == "+":
                    return f"almost. The right number, but in another unit: yours is {words}"
        return self._said(found, rounded(values, step)[0])

    def _open(self, texts: list[str]) -> str | None:
        return unseal(self.name, texts, self._verdicts, work(self.slack, self.size))

    def _said(self, found: str | None, tried: str) -> str:
        if found is None:
            again = _tried.setdefault(self.name, set())
            again.add(tried)
            if len(again) > 3:
                return "not yet. Open the solution, then say in your own words why it is right."
            return f"not yet. Open the {('first', 'second', 'third')[len(again) - 1]} hint and try again."
        if found[0] == "-":
            return f"not yet. {found[1:]}"
        self.solved = SOLVED[self.name] = True
        return f"right. {found[1:]}".rstrip()


def _shown(answer: Any) -> str:
    """A text or number as it is, anything else by its kind: a repr may be long, or hold an address."""
    if isinstance(answer, (str, int, float, complex, bool)):
        return reprlib.repr(answer)
    return f"a value of type {type(answer).__name__}"


def numbers(answer: Any, size: int = 1) -> list[float] | str:
    """The numbers in whatever a learner has written, or a kind word on why there are not `size` of them.

    >>> numbers("42 %"), numbers((1, "2"), 2), numbers([1, 2])
    ([42.0], [1.0, 2.0], '2 numbers, but one is asked for. Choose it, or put them together.')
    """
    if callable(answer):
        return "a function, not a number. Call it: write brackets after its name."
    no_number = f"not a number: {_shown(answer)}. Write just the number, like 42 or 0.5."
    values = np.asarray(read_list(answer)[0] if isinstance(answer, str) and size > 1 else answer)
    if values.size and values.dtype.kind not in "iufOU":
        return no_number
    if values.size != size and (values.ndim or size > 1):
        wanted = (
            "one is asked for. Choose it, or put them together" if size == 1 else f"{size} are asked for, like (1, 2)"
        )
        return f"{values.size} numbers, but {wanted}."
    found = []
    try:
        for each in values.ravel().tolist():
            value = read(each) if isinstance(each, str) else float(each)
            if value is None:
                return no_number
            found.append(value)
    except OverflowError:
        return "a number too large to check. Look at the size of what goes into it."
    except (TypeError, ValueError):
        return no_number
    return found


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


@dataclass(frozen=True)
class Progress:
    """How far a learner got: predictions by question and exercises by name, and whether each is done."""

    predictions: Mapping[str, bool]
    exercises: Mapping[str, bool]

    def _parts(self) -> list[tuple[str, Mapping[str, bool]]]:
        parts = (("Predictions locked", self.predictions), ("Exercises solved", self.exercises))
        return [(title, done) for title, done in parts if done]

    def _line(self, title: str, done: Mapping[str, bool]) -> str:
        left = [name for name, ready in done.items() if not ready]
        names = f" (open: {', '.join(left)})" if left and done is self.exercises else ""
        return f"{title}: {sum(done.values())} of {len(done)}{names}."

    def __repr__(self) -> str:
        return (
            " ".join(self._line(*part) for part in self._parts()) or "Nothing to count yet. Run the cells above first."
        )

    def _repr_html_(self) -> str:
        meters = (
            f'<p><meter min="0" max="{len(done)}" value="{sum(done.values())}" style="width:12em;height:1.2em" '
            f'aria-label="{title}"></meter> {html.escape(self._line(title, done))}</p>'
            for title, done in self._parts()
        )
        return f'<div style="font-size:{145 if presenting() else 110}%">{"".join(meters) or repr(self)}</div>'


def progress() -> Progress:
    """Which of the predictions and exercises whose cells have run are locked and solved; run it again to count again.

    >>> forget()
    >>> _ = Guess("How many pay?", low=0, high=100, unit="buyers"), exercise("average load")
    >>> progress()
    Predictions locked: 0 of 1. Exercises solved: 0 of 1 (open: average load).
    """
    return Progress({question: value is not None for (_, question), value in LOCKED.items()}, dict(SOLVED))


def forget() -> None:
    """Unlock every prediction and count every exercise as open, as a new kernel would; then run the cells again."""
    LOCKED.clear()
    SOLVED.clear()
    _tried.clear()


def pool(
    text: str | Iterable[Any], *, truth: Any = None, unit: str = "", question: str = "What the class said",
    options: Iterable[str] = (),
) -> Picture:  # fmt: skip
    """A class's guesses in one picture: numbers as a histogram with median and truth, choices as bars.

    `text` is a pasted list, one guess a line, names and "18,500", "18 500" or "18.5k" allowed; or any list. With
    `options` (a `Choice`'s), a line is one of them, or its letter: a, b, c. Lines that cannot be read are left out.

    >>> print(pool("Anna: 18,500\\nBen 5k\\n\\nCleo: 4,500\\nno idea", truth=4626, unit="buyers"))
    3 guesses, median 5,000 buyers. Truth 4,626 buyers: 2 within 10 %, 1 higher, 0 lower. Left out 1 line: "no idea".
    """
    text = text if isinstance(text, str) else "\n".join(map(str, text))
    if options:
        return _pool_choices(text, list(options), truth, question)
    guesses, left_out = read_list(text)
    known = None if truth is None else one("truth", truth)
    words = _pool_words(np.array(guesses), known, unit)
    return Picture(_histogram(np.array(guesses), known, unit, question), words + _left(left_out))


def _left(lines: list[str]) -> str:
    shown = ", ".join(f'"{line if len(line) <= 30 else line[:27] + "..."}"' for line in lines[:3])
    many = f" Left out {len(lines)} line{'s' * (len(lines) > 1)}: {shown}"
    return many + (" and others." if len(lines) > 3 else ".") if lines else ""


def _pool_words(guesses: Any, truth: float | None, unit: str) -> str:
    of = f" {unit}".rstrip()
    if not guesses.size:
        return "No guesses yet." + (f" Truth {number(truth)}{of}." if truth is not None else "")
    median = float(np.median(guesses))
    words = (
        f"{guesses.size} guesses, median {number(median)}{of}."
        if guesses.size > 1
        else f"1 guess: {number(median)}{of}."
    )
    if truth is not None and math.isfinite(truth):
        close = np.abs(guesses - truth) <= 0.1 * abs(truth)
        high, low = int(((guesses > truth) & ~close).sum()), int(((guesses < truth) & ~close).sum())
        words += f" Truth {number(truth)}{of}: {close.sum()} within 10 %, {high} higher, {low} lower."
        round_numbers = [m * 10.0**p for p in range(-6, 16) for m in (1, 2, 5)]
        above = [x for x in round_numbers if x >= truth and 3 * (guesses > x).sum() >= 2 * guesses.size]
        below = [x for x in round_numbers if x <= truth and 3 * (guesses < x).sum() >= 2 * guesses.size]
        if above and guesses.size > 2:
            words += f" {(guesses > above[-1]).sum()} of {guesses.size} were above {number(above[-1])}."
        elif below and guesses.size > 2:
            words += f" {(guesses < below[0]).sum()} of {guesses.size} were below {number(below[0])}."
    return words


def _edges(seen: Any) -> tuple[Any, bool]:
    """Edges of bins at round numbers, and whether they grow 1, 2, 5, 10: where the range is huge and nothing negative."""
    some = seen[seen > 0]
    if some.size and seen.min() >= 0 and some.max() > 50 * some.min():
        powers = range(math.floor(math.log10(some.min())) - 1, math.ceil(math.log10(some.max())) + 2)
        steps = np.array([m * 10.0**p for p in powers for m in ((1, 2, 5) if len(powers) < 9 else (1,))])
        first = max(np.searchsorted(steps, some.min(), "right") - 1 - (seen.min() == 0), 0)
        return steps[first : np.searchsorted(steps, some.max(), "right") + 1], True
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 0.0)
    if high - low <= 1e-9 * abs(high):
        return high + round_up(abs(high) / 5) * np.array([-1.5, -0.5, 0.5, 1.5]), False
    width = round_up((high - low) / 12)
    first, last = math.floor(low / width), math.floor(high / width) + 1
    return width * np.arange(first - (first != 0), last + 2), False


def _histogram(guesses: Any, truth: float | None, unit: str, title: str) -> Any:
    shown = [] if truth is None or not math.isfinite(truth) else [(truth, "truth", {"color": GREEN, "linewidth": 4})]
    edges, log = _edges(np.append(guesses, [x for x, *_ in shown]))
    counts = np.histogram(np.maximum(guesses, edges[0]), edges)[0]
    if guesses.size:
        shown.append((float(np.median(guesses)), "median", {"color": INK, "linestyle": "--"}))
    with rc_context(STYLE):
        page, axes = sheet(4.2, title)
        if not guesses.size:
            axes.text(0.02, 0.9, "no guesses yet", transform=axes.transAxes)
        axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color=SKY, edgecolor="white", linewidth=1.5)
        for left, right, high in zip(edges[:-1], edges[1:], counts, strict=True):
            if high:
                middle = math.sqrt(left * right) if log else (left + right) / 2
                box = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.9}
                axes.annotate(f"{high}", (middle, high), (0, 4), textcoords="offset points", ha="center", bbox=box)
        zero = "; 0 in the first bar" if log and guesses.size and guesses.min() == 0 else ""
        axes.set(ylabel="guesses", xlabel=f"{unit} (log scale{zero})".strip() if log else unit)
        axes.set(xscale="log" if log else "linear", xlim=(edges[0], edges[-1]), ylim=(0, 1.5 * max(counts.max(), 1)))
        plain(axes)
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        if log:
            axes.xaxis.set_major_locator(FixedLocator(edges) if len(edges) < 10 else LogLocator(numticks=7))
            axes.xaxis.set_minor_locator(NullLocator())
        axes.grid(False, axis="x")
        for row, (x, name, style) in enumerate(shown):
            axes.axvline(max(x, edges[0]), **style)
            beside(axes, max(x, edges[0]), (1.4 - 0.16 * row) * max(counts.max(), 1), f"{name} {number(x)}", 0)
    return page


def _pool_choices(text: str, options: list[str], truth: Any, title: str) -> Picture:
    names = [bare(option) for option in options]
    if truth is not None and truth not in options:
        raise ParameterError(f"truth {truth!r}: must be one of {', '.join(map(repr, options))}")
    votes, left_out = dict.fromkeys(options, 0), []
    for line in filter(None, map(str.strip, text.splitlines())):
        word = bare(re.split(r"[:;\t=|]", line)[-1])
        if word in names:
            votes[options[names.index(word)]] += 1
        elif len(word) == 1 and 0 <= ord(word) - ord("a") < len(options):
            votes[options[ord(word) - ord("a")]] += 1
        else:
            left_out.append(line)
    cast = sum(votes.values())
    notes = {o: [f"{n} ({share(n, cast)})"] + ["the truth"] * (o == truth) for o, n in votes.items()}
    words = f"{cast} votes. " if cast != 1 else "1 vote. "
    words += ", ".join(f"{option}: {said[0]}" for option, said in notes.items()) + "."
    words += f" The truth is: {truth}." if truth is not None else ""
    return Picture(rows(title, notes, votes, truth), words + _left(left_out))
