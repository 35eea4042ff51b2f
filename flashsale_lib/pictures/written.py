"""Numbers as people write, say and pass them: in words, compared in words, read from pasted text, checked."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from ..parameters import FloatArray, ParameterError

__all__ = ["apart", "bare", "gap", "limits", "number", "one", "points", "read", "read_list", "readout"]

_GROUPED = r"\d{1,3}(?:[, '\u00a0\u2009\u202f_]\d{3})+(?!\d)"
_NUMBER = re.compile(
    r"(?<![\w.])(?<!\d,)[-+\u2212]?"  # "Team7" holds no number, and "1,2,3" is none
    rf"(?>(?:{_GROUPED}|\d+)(?:\.\d+|,\d{{1,2}}(?!\d))?|\.\d+)(?>e[-+]?\d+)?(?![.,]?\d)(?:\s?(k|thousand|million)\b)?",
    re.IGNORECASE,
)
_LISTED = re.compile(r"\d{1,3}[.)]\s+(?=.*\d)")
_FIELDS = re.compile(r"[;\t|=]|,\s+|:\s+|(?<=[^\W\d]):(?=\d)")
_TIMES = {"k": 1e3, "thousand": 1e3, "million": 1e6}


def number(value: float) -> str:
    """A number as one says it: "12,345", "0.125"; "no limit" for infinity, "no number" for NaN.

    >>> number(12345.6), number(0.1254), number(-7.0)
    ('12,346', '0.125', '-7')
    """
    if not math.isfinite(value):
        return "no number" if math.isnan(value) else "no limit"
    return f"{value:,.0f}" if abs(value) >= 99.95 or value == round(value) else f"{value:.3g}"


def gap(guess: float, truth: float) -> str:
    """How far a guess is from the truth, in words; nothing where the truth is not a finite number.

    >>> gap(20000, 4626), gap(60, 100), gap(105, 100)
    ('your guess is 4.3 times the real number', 'you were 40 too low', 'within 10 %, well judged')
    """
    if not math.isfinite(truth):
        return ""
    if abs(guess - truth) <= 0.1 * abs(truth):
        return "spot on" if guess == truth else "within 10 %, well judged"
    if guess <= 0 or truth <= 0 or 0.5 < guess / truth < 2:
        return f"you were {number(abs(guess - truth))} {'too high' if guess > truth else 'too low'}"
    times = max(guess / truth, truth / guess)
    words = f"{times:.1f}" if times < 99.95 else number(times)
    return (
        f"your guess is {words} times the real number"
        if guess > truth
        else f"the real number is {words} times your guess"
    )


def apart(
    x: FloatArray, y: Any, grid: FloatArray, run: FloatArray, unit: str, x_unit: str
) -> tuple[str, tuple[float, float, float]]:
    """How far a curve drawn through few points (x, y) is from the `run` on a fine `grid`: in words, and where furthest.

    The place comes as x, what was drawn there, what the run has there.

    >>> apart(np.array([0, 2, 4]), (0, 0, 8), np.arange(5.0), np.array([0, 4, 8, 4, 0]), "buyers", "s")[0]
    'Your curve is off by 4 buyers on average, most at 2 s: you drew 0, the run has 8. \
You put the top at 4 s, the run has it at 2 s.'
    """
    drawn, said = np.interp(grid, x, y), x[int(np.argmax(y))]
    off = np.abs(drawn - run)
    far = int(np.round(off / max(off.max(), 1e-300), 6).argmax())  # the first of equals, whatever their last digit
    mean = float(np.trapezoid(off, grid)) / max(float(np.ptp(grid)), 1e-300)
    place = float(grid[far]), float(drawn[far]), float(run[far])
    words = f"Your curve is off by {number(mean)} {unit} on average, most at {number(place[0])} {x_unit}: "
    words += f"you drew {number(place[1])}, the run has {number(place[2])}. "
    tops = grid[run >= run.max() - 0.001 * np.ptp(run)]
    top = float(tops[np.abs(tops - said).argmin()])
    if np.ptp(y) == 0:
        end = f"You drew it flat, the run is highest at {number(float(grid[run.argmax()]))} {x_unit}."
    elif abs(said - top) <= 0.5 * float(np.diff(x).min()):
        end = f"You put the top where it is, at about {number(top)} {x_unit}."
    else:
        end = f"You put the top at {number(said)} {x_unit}, the run has it at {number(top)} {x_unit}."
    return words + end, place


def read(text: str) -> float | None:
    """The one number in a text: with separators between thousands, a decimal comma, "k", a unit or a name beside it.

    A dot before three digits of which the last is 0 stands between thousands, as in "25.000".

    None where there is no number, more than one, or one beyond what a float holds.

    >>> read("Anna: about 18 500 buyers"), read("18.5k"), read("0,65"), read("42 %"), read("10 or 20")
    (18500.0, 18500.0, 0.65, 42.0, None)
    >>> read("25.000"), read("12.5"), read("0.250"), read("3.125")
    (25000.0, 12.5, 0.25, 3.125)
    """
    found = list(_NUMBER.finditer(text))
    if len(found) != 1:
        return None
    unit = found[0][1] or ""
    digits = found[0][0][: len(found[0][0]) - len(unit)].strip().replace("\u2212", "-")
    digits = re.sub(r"[ '\u00a0\u2009\u202f_]|,(?=\d{3})", "", digits).replace(",", ".")
    if re.fullmatch(r"[-+]?[1-9]\d{0,2}\.\d\d0", digits):  # nobody writes 25 as 25.000
        digits = digits.replace(".", "")
    value = float(digits) * _TIMES.get(unit.lower(), 1.0)
    return value if math.isfinite(value) else None


def read_list(text: str) -> tuple[list[float], list[str]]:
    """The numbers of a pasted list, and the lines from which none could be read.

    One number a line, with or without a name; or a line of nothing but numbers, set apart by ";", tabs or ", ".

    >>> read_list("Anna: 18,500\\n\\nBen 20k\\n7; 8\\nno idea")
    ([18500.0, 20000.0, 7.0, 8.0], ['no idea'])
    """
    numbers: list[float] = []
    left_out = []
    for line in filter(None, map(str.strip, text.splitlines())):
        item = _LISTED.sub("", line, count=1) if _LISTED.match(line) else line
        # A field that begins with its number is one; "Team 7" is a name.
        fields = [read(field) for field in _FIELDS.split(item) if re.match(r"\s*[~<>\u2248]?\s*[-+\u2212.]?\d", field)]
        values = fields if fields else [read(item)]
        known = [value for value in values if value is not None]
        numbers += known
        if not known:
            left_out.append(line)
    return numbers, left_out


def bare(text: str) -> str:
    """A word or letter without case, brackets and full stops: how answers by letter are compared.

    >>> bare(" (B). ")
    'b'
    """
    return " ".join(text.casefold().split()).strip(" .,:;!?()[]'`" + '"')


def one(name: str, value: Any) -> float:
    """One number out of whatever holds just one; NaN and infinity are let through.

    >>> one("truth", [42])
    42.0
    """
    try:
        numbers = np.asarray(value, float).ravel()
    except (TypeError, ValueError):
        raise ParameterError(f"{name} {value!r}: must be a number; pass one") from None
    if numbers.size != 1:
        raise ParameterError(f"{name} of {numbers.size} numbers: must be one; choose it, for example with [-1]")
    return float(numbers[0])


def points(x: Any, y: Any) -> tuple[FloatArray, FloatArray]:
    """A curve's points where both numbers are finite, by rising x.

    >>> points([0, 1, 2], [5, float("nan"), 7])
    (array([0., 2.]), array([5., 7.]))
    """
    x, y = np.asarray(x, float).ravel(), np.asarray(y, float).ravel()
    if x.size != y.size or np.any(np.diff(x) <= 0):
        raise ParameterError(f"a curve of {x.size} x and {y.size} y: must be as many, and x must rise; sort them by x")
    known = np.isfinite(x) & np.isfinite(y)
    return x[known], y[known]


def limits(low: float, high: float, step: float | None, log: bool) -> tuple[float, float, float, float]:
    """A slider's ends, step and start, checked: the step about a hundredth of the range, the start in the middle.

    >>> limits(0, 33500, None, False), limits(1, 10000, None, True)
    ((0.0, 33500.0, 300.0, 16800.0), (1.0, 10000.0, 0.05, 100.0))
    """
    for name, value in (("low", low), ("high", high), ("step", 1.0 if step is None else step)):
        if not math.isfinite(one(name, value)):
            raise ParameterError(f"{name} {value!r}: must be finite; pass a number")
    if low >= high or (log and low <= 0):
        bound = "low must be below high" + ", and above 0 on a log scale" * log
        raise ParameterError(f"low {low!r}, high {high!r}: {bound}; widen or move the range")
    if step is not None and (log or not 0 < step <= high - low):
        raise ParameterError(
            f"step {step!r}: must be above 0, at most high - low, and left out with log=True; change it"
        )
    if log:
        return float(low), float(high), 0.05, math.sqrt(low * high)
    step = step or float(f"{(high - low) / 100:.0e}")
    return float(low), float(high), step, round(low + step * round((high - low) / (2 * step)), 9)


def readout(step: float, log: bool) -> str:
    """How a slider reads out (in d3-format): two significant digits on a log scale, else the decimals of its step.

    >>> readout(500, False), readout(0.25, False), readout(0.05, True)
    (',.0f', ',.2f', ',.2r')
    """
    return ",.2r" if log else f",.{len(f'{step:.9f}'.rstrip('0').partition('.')[2])}f"
