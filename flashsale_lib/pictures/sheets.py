"""Sheets: a titled page on which guesses, truths and votes are drawn."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from matplotlib import rc_context
from matplotlib.ticker import FuncFormatter, NullFormatter

from .canvas import BLUE, PRESENTER, STYLE, new, presenting
from .written import number


def sheet(height: float, title: str, note: str = "", left: float = 0.95, bottom: float = 0.6) -> tuple[Any, Any]:
    """A page 11 inches wide with a title, a note beneath it, and axes; margins in inches, so that text keeps its room."""
    page, inch = new(11.0, height), PRESENTER if presenting() else 1.0
    top, left, bottom = 1 - (0.66 if note else 0.4) * inch / height, left * inch / 11.0, bottom * inch / height
    axes = page.add_axes((left, bottom, 0.955 - left, top - bottom))
    title = textwrap.shorten(title, 75 if presenting() else 95, placeholder=" ...")
    page.text(0.01, 1 - 0.09 * inch / height, title, va="top", fontsize=13, fontweight="bold")
    page.text(0.01, 1 - 0.36 * inch / height, note[:1].upper() + note[1:], va="top")
    return page, axes


def plain(axes: Any) -> None:
    """Numbers on both axes as words write them."""
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda x, _: number(x)))
        axis.set_minor_formatter(NullFormatter())


def beside(axes: Any, x: float, y: float, text: str, up: float) -> None:
    """Words beside a marker, on the side where there is room."""
    axes.autoscale_view()
    place = axes.transAxes.inverted().transform(axes.transData.transform((x, y)))[0]
    side = -1 if place + (0.012 if presenting() else 0.0095) * len(text) > 1 else 1
    align = {"ha": "right" if side < 0 else "left", "va": "center"}
    box = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.95}
    axes.annotate(text, (x, y), (15 * side, up), textcoords="offset points", zorder=6, bbox=box, **align)


def rows(title: str, notes: Mapping[str, Any], sizes: Mapping[str, float], truth: Any, yours: Any = None) -> Any:
    """A figure with a row for each option: its bar, what is noted of it; the true one filled, the chosen one framed."""
    with rc_context(STYLE):
        page, axes = sheet(0.6 + 0.5 * len(notes), title, "", 3.3, 0.1)
        for row, (option, said) in enumerate(notes.items()):
            frame = {"edgecolor": BLUE, "linestyle": "--", "linewidth": 3} if option == yours else {}
            size = sizes.get(option, 0.0) if sizes else 1.0
            axes.barh(row, size, height=0.66, color="#a6dbc8" if option == truth else "#e4e4e4", **frame)
            end = max(size, 0.0) if sizes else 0.0
            axes.annotate(", ".join(said), (end, row), (9, 0), textcoords="offset points", va="center")
        room = 1 - min(0.8, 0.017 * max(len(", ".join(said)) for said in notes.values()))  # for what stands beside
        axes.set_xlim((min(0.0, *sizes.values()), max(sizes.values()) / room or 1.0) if sizes else (-0.01, 1.01))
        axes.set(xticks=[], ylim=(len(notes) - 0.5, -0.5))
        axes.set_yticks(range(len(notes)), [textwrap.fill(option, 34) for option in notes])
        axes.tick_params(length=0)
        axes.grid(False)
        axes.spines[:].set_visible(False)
    return page
