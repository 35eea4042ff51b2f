"""What live panels show, as plain data: panels, what moves in them, and where their axes end. Nothing here draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from ..parameters import FloatArray, ParameterError
from .plotted import Curve, row

Nice: TypeAlias = Callable[[float], float]
"""Rounds a number above 0 up to a round one."""


@dataclass(frozen=True)
class Panel:
    """One pair of axes: what is on it and how it is scaled.

    `title` says what is on the vertical axis, with its unit; `x` what is on the horizontal one. `lines` names the lines
    that may be shown, `fill` those of them with the area below filled. `log_x`, `log_y`: logarithmic (only values above
    0 are drawn). `whole_x`: whole numbers only, as in servers. `xlim`, `ylim`: limits that never move; without them
    they move in big steps, so that most moves leave them alone.

    >>> Panel("Wait (s)", x="servers", lines=["mean", "95 %"], log_y=True, whole_x=True).heading
    'Wait (s, log scale)'
    """

    title: str
    x: str = "time (s)"
    lines: Sequence[str] = ()
    fill: Sequence[str] = ()
    log_x: bool = False
    log_y: bool = False
    whole_x: bool = False
    xlim: tuple[float, float] | None = None
    ylim: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        for what, names in (("lines", self.lines), ("fill", self.fill)):
            if isinstance(names, str) or len(set(names)) < len(names):
                raise ParameterError(
                    f"{what} of {self.title!r} is {names!r}: must be a list of different names; pass a list"
                )
        if unknown := set(self.fill) - set(self.lines):
            raise ParameterError(
                f"fill of {self.title!r} names {', '.join(unknown)}: must be among its lines; add it there"
            )
        for what, limits, log in (("xlim", self.xlim, self.log_x), ("ylim", self.ylim, self.log_y)):
            if limits and not (-math.inf < limits[0] < limits[1] < math.inf and (limits[0] > 0 or not log)):
                bound = "two rising numbers" + (" above 0, for a log axis" if log else "")
                raise ParameterError(
                    f"{what} of {self.title!r} is {limits}: must be {bound}; change it, or leave it out"
                )

    @property
    def heading(self) -> str:
        """The title, which says when the vertical axis is logarithmic."""
        return scaled(self.title, self.log_y)


def scaled(text: str, log: bool) -> str:
    """An axis label that says when the axis is logarithmic.

    >>> scaled("Wait (s)", True), scaled("servers", True), scaled("servers", False)
    ('Wait (s, log scale)', 'servers (log scale)', 'servers')
    """
    if not log or "log" in text:
        return text
    return f"{text[:-1]}, log scale)" if text.endswith(")") else f"{text} (log scale)"


@dataclass(frozen=True)
class Shown:
    """What a computation hands to `Panels`: the words, and everything that moves, by name.

    `reading`: the numbers in words. `lines`: name -> (x, y), shapes (n,); NaN and infinity are drawn as gaps.
    `points`: name -> (x, y). `levels`: name -> y of a horizontal line, `verticals`: name -> x of a vertical one; NaN or
    infinity hides them. `table`: rows of text, the head first. A name that more than one panel has is written as (title,
    name); points, levels and verticals without a title go to the first panel.

    >>> Shown("Longest wait 12 s.", {"wait": ([0, 60], [0, 12])}, levels={"promise": 120}).levels
    {'promise': 120}
    """

    reading: str
    lines: Mapping[Any, tuple[Any, Any]] = field(default_factory=dict)
    points: Mapping[Any, tuple[float, float]] = field(default_factory=dict)
    levels: Mapping[Any, float] = field(default_factory=dict)
    verticals: Mapping[Any, float] = field(default_factory=dict)
    table: Sequence[Sequence[str]] = ()


@dataclass
class Data:
    """What one panel shows: checked, and NaN where there is nothing to draw."""

    lines: dict[str, Curve] = field(default_factory=dict)
    points: dict[str, tuple[float, float]] = field(default_factory=dict)
    levels: dict[str, tuple[float, float]] = field(default_factory=dict)
    verticals: dict[str, tuple[float, float]] = field(default_factory=dict)


def placed(panels: Sequence[Panel], shown: Shown) -> list[Data]:
    """What goes into which panel, checked: one `Data` per panel.

    >>> one = placed([Panel("Wait (s)", lines=["wait"])], Shown("", {"wait": ([0, 60], [0, math.inf])}))[0]
    >>> one.lines["wait"][1].tolist()
    [0.0, nan]
    """
    result = [Data() for _ in panels]
    for kind in ("lines", "points", "levels", "verticals"):
        for key, value in getattr(shown, kind).items():
            at, name = _find(panels, kind, key)
            pair = (math.nan, value) if kind == "levels" else (value, math.nan) if kind == "verticals" else value
            if len(pair) != 2:
                raise ParameterError(f"{name!r} has {len(pair)} parts: must be a pair; pass (x, y)")
            x = row(
                f"x of {name!r}", np.atleast_1d(pair[0]), like=None if kind == "lines" else ("a number", 1), gaps=True
            )
            y = row(f"y of {name!r}", np.atleast_1d(pair[1]), like=("its x", x.size), gaps=True)
            x, y = drawable(x, panels[at].log_x), drawable(y, panels[at].log_y)
            getattr(result[at], kind)[name] = (x, y) if kind == "lines" else (float(x[0]), float(y[0]))
    return result


def _find(panels: Sequence[Panel], kind: str, key: Any) -> tuple[int, str]:
    """Index of the panel that a key means, and the name in it."""
    title, name = key if isinstance(key, tuple) and len(key) == 2 else (None, key)
    places = [i for i, p in enumerate(panels) if title in (None, p.title) and (kind != "lines" or name in p.lines)]
    if kind != "lines" and title is None:
        places = places[:1]
    if len(places) == 1:
        return places[0], str(name)
    known = "; ".join(f"{p.title!r} has the lines {', '.join(p.lines) or '(none)'}" for p in panels)
    if places:
        raise ParameterError(
            f"lines has {name!r}, which is in more than one panel ({known}): write it as (title, name)"
        )
    raise ParameterError(
        f"{kind} has {key!r}, which is in no panel: {known}; use one of these, or name it in its Panel"
    )


def drawable(values: Any, log: bool = False) -> FloatArray:
    """The values, with NaN in place of what has no place on an axis: not finite, beyond 1e200, or on a log axis below 1e-200.

    >>> drawable(np.array([1.0, 0.0, np.inf]), log=True).tolist()
    [1.0, nan, nan]
    """
    with np.errstate(invalid="ignore"):
        return np.where((np.abs(values) < 1e200) & ((values > 1e-200) | (not log)), values, np.nan)


def decades(values: FloatArray, most: int = 8) -> tuple[float, float]:
    """The powers of ten around values above 0; at most so many of them.

    >>> decades(np.array([0.3, 40.0])), decades(np.array([1e-30, 1.0]))
    ((0.1, 100.0), (1e-08, 1.0))
    """
    high = float(np.ceil(np.log10(values.max()) - 1e-9))
    low = min(float(np.floor(np.log10(values.min()) + 1e-9)), high - 1)
    return float(f"1e{max(low, high - most):.0f}"), float(f"1e{high:.0f}")


def span(ends: FloatArray, more: FloatArray, log: bool, nice: Nice) -> tuple[float, float]:
    """Limits of a horizontal axis: the ends of the lines exactly; further for other things beyond, in big steps.

    >>> span(np.array([0.0, 900.0]), np.array([1234.0]), False, lambda x: 1000 * np.ceil(x / 1000))
    (0.0, 2000.0)
    """
    low, high = (float(ends.min()), float(ends.max())) if ends.size else (math.inf, -math.inf)
    if not ends.size and not more.size:
        return (1.0, 10.0) if log else (0.0, 1.0)
    first, last = (float(more.min()), float(more.max())) if more.size else (low, high)
    if log:
        around = decades(more) if more.size else (low, high)
        low, high = around[0] if first < low else low, around[1] if last > high else high
        return (low, high) if low < high else (low / 2, low * 2)
    if last > high:
        high = float(nice(last)) if last > 0 else 0.0
    if first < low:
        low = 0.0 if first >= 0 else -float(nice(-first))
    pad = 0.0 if low < high else max(0.5, 0.05 * abs(low))
    return low - pad, high + pad


def rise(values: FloatArray, log: bool, nice: Nice) -> tuple[float, float]:
    """Limits of a vertical axis: from 0 to a round number above all, below 0 only where a value is; decades on a log axis.

    >>> rise(np.array([3.0, 95.0]), False, lambda x: 100.0), rise(np.zeros(2), False, lambda x: 1.0)
    ((0.0, 112.0), (0.0, 1.12))
    """
    if log:
        return decades(values) if values.size else (1.0, 10.0)
    high, low = (float(np.max(part, initial=0.0)) for part in (values, -values))
    top = 0.0 if high <= 1e-100 < low else 1.12 * nice(high if high > 1e-100 else 1.0)
    return -1.12 * nice(low) if low > 1e-100 else 0.0, float(f"{top:.6g}")


def limits(panel: Panel, shown: Sequence[Data], nice: Nice) -> tuple[float, float, float, float]:
    """Limits of both axes (left, right, low, high) for all that is shown, in steps so big that most moves leave them alone.

    >>> panel = Panel("Wait (s)", lines=["wait"])
    >>> limits(panel, placed([panel], Shown("", {"wait": ([0, 60], [0, 7])})), lambda x: 10.0)
    (0.0, 60.0, 0.0, 11.2)
    """
    lines = [line for data in shown for line in data.lines.values()]
    marks = [mark for data in shown for kind in (data.points, data.levels, data.verticals) for mark in kind.values()]
    x, y = (np.concatenate([np.empty(0), *(line[k] for line in lines)]) for k in (0, 1))
    if panel.xlim:
        y = y[(x >= panel.xlim[0]) & (x <= panel.xlim[1])]
    more_x, more_y = np.array(marks, dtype=np.float64).reshape(-1, 2).T
    y = np.concatenate([y, more_y])
    across = panel.xlim or span(x[np.isfinite(x)], more_x[np.isfinite(more_x)], panel.log_x, nice)
    if panel.whole_x and not panel.xlim and not panel.log_x:
        across = across[0] - 0.4, across[1] + 0.4  # room for the markers
    up = panel.ylim or rise(y[np.isfinite(y)], panel.log_y, nice)
    return (across[0], across[1], up[0], up[1])
