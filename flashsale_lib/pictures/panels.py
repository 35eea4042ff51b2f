"""Live panels for explorers of anything: lines, levels and points that move under the sliders. And panels that stand still.

panels = [Panel("Buyers in the queue", lines=["with the limit", "without"]), Panel("Wait (s)", lines=["wait"])]
Explorer(rows, compute, picture(panels), presets)        # compute returns a Shown
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter

from ..parameters import ParameterError
from .artists import Label, Shade
from .canvas import (
    GREY,
    INK,
    LOOKS,
    PRESENTER,
    STYLE,
    LivePicture,
    Picture,
    boxes,
    frame,
    new,
    plain_ticks,
    put,
    round_up,
    size_of,
    text_size,
    wrapped,
)
from .plotted import brief, row, spread
from .shown import Data, Panel, Shown, drawable, limits, placed, rise, scaled, span

PAPER = {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
"""What a label stands on where lines may pass behind it."""


def log_axis(axes: Any, side: str) -> None:
    """Make one axis logarithmic, and say so in its label."""
    axes.set(**{f"{side}scale": "log", f"{side}label": scaled(getattr(axes, f"get_{side}label")(), True)})
    axis = axes.xaxis if side == "x" else axes.yaxis
    plain_ticks(axis)
    axis.set_minor_formatter(NullFormatter())


def name_near(axes: Any, text: str, at: tuple[float, float], taken: list[Any], away: float = 8.0, **look: Any) -> None:
    """A label next to a point, where there is room, led to it from further away; it takes that room."""
    label = axes.text(0, 0, text, transform=axes.transAxes, **{"bbox": PAPER, "zorder": 6, **look})
    box = put(label, at, taken, away)
    (x, y, *_), *_ = boxes(axes, *at, half=0.0)
    to = min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3])
    if math.dist((x, y), to) > 2 * away:
        wide, high = size_of(axes)
        axes.plot(
            [x / wide, to[0] / wide],
            [y / high, to[1] / high],
            color=INK,
            linewidth=1,
            transform=axes.transAxes,
            zorder=5,
        )
    taken += 4 * [box]  # to cover a label is worse than to cover a line


End: TypeAlias = tuple[str, float, str, Any]
"""A label at the end of a line: its text, the y (in data) that it is led to, the colour and the dashes of the line."""


def end_margin(ends: Sequence[End]) -> float:
    """The right-hand margin that `name_ends` needs, in inches of the sheet."""
    return 0.6 + max((text_size(text, 11.5)[0] for text, *_ in ends), default=0.0) / 72


def name_ends(axes: Any, ends: Sequence[End]) -> None:
    """Labels in the right-hand margin, each led to from where its line ends."""
    (wide, high), across = size_of(axes), axes.transAxes
    at = [across.inverted().transform(axes.transData.transform((axes.get_xlim()[1], y)))[1] for _, y, *_ in ends]
    gap = max((text_size(text, 11.5)[1] for text, *_ in ends), default=0.0) / high
    places = spread(np.clip(at, 0, 1), gap, 0.4 * gap, 1.0)
    for (text, _, colour, dashes), y, place in zip(ends, at, places, strict=True):
        look = {"transform": across, "clip_on": False}
        lead = [min(max(y, 0.0), 1.0), place]  # thin and grey, so that it does not look like more of the line
        axes.plot([1.0, 1.0 + 8 / wide], lead, color=GREY, linewidth=0.8, **look)
        axes.plot([1.0 + 8 / wide, 1.0 + 26 / wide], [place] * 2, color=colour, linestyle=dashes, linewidth=1.8, **look)
        axes.text(1.0 + 31 / wide, place, text, transform=across, va="center", fontsize=11.5)


class _Plot:
    """The artists of one panel."""

    def __init__(self, panel: Panel, axes: Any, looks: Mapping[str, tuple[str, Any]]) -> None:
        self.panel, self.axes = panel, axes
        self.limits: Any = None
        axes.set_xlabel(scaled(panel.x, panel.log_x))
        axes.set(xscale="log" if panel.log_x else "linear", yscale="log" if panel.log_y else "linear")
        for axis in (axes.xaxis, axes.yaxis):
            plain_ticks(axis)
            axis.set_minor_formatter(NullFormatter())
        if panel.whole_x and not panel.log_x:
            axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        self.fills = {}
        for name in panel.fill:
            colour = looks[name][0]
            self.fills[name] = Shade(colour, 0.22)
            axes.add_patch(self.fills[name])
        self.lines, self.ghosts = {}, {}
        for name in panel.lines:
            (self.ghosts[name],) = axes.plot([], [], color=GREY, linestyle=(0, (4, 3)), linewidth=1.4, zorder=1.9)
            (self.lines[name],) = axes.plot([], [], color=looks[name][0], linestyle=looks[name][1], markersize=6)
        self.marks: dict[tuple[str, str], tuple[Any, Label]] = {}
        self.ghost_points = axes.plot([], [], "o", color=GREY, markerfacecolor="none", markersize=9, zorder=1.9)[0]

    def artists(self) -> list[Artist]:
        marks = [artist for pair in zip(*self.marks.values(), strict=True) for artist in pair]
        return [*self.fills.values(), *self.lines.values(), *marks]

    def _mark(self, kind: str, name: str) -> tuple[Any, Label]:
        """The line or marker of a level, vertical or point, and its label; made when first needed."""
        if (kind, name) not in self.marks:
            if kind == "points":
                shape = "oDs^vP"[sum(k == kind for k, _ in self.marks) % 6]
                (mark,) = self.axes.plot(
                    [], [], shape, color=INK, markeredgecolor="white", markersize=11, zorder=5, clip_on=False
                )
            elif kind == "levels":
                mark = self.axes.axhline(1, color=INK, linewidth=1.2, linestyle="--")
            else:
                mark = self.axes.axvline(1, color=INK, linewidth=1.2, linestyle=":")
            label = Label(
                0, 0, "", transform=self.axes.transAxes, ha="left", va="bottom", fontsize=11.5, bbox=PAPER, zorder=6
            )
            self.axes.add_artist(label)
            self.marks[kind, name] = mark, label
        return self.marks[kind, name]

    def show(self, data: Data, pinned: Data | None) -> bool:
        """Move everything; whether the axes changed."""
        wanted = limits(self.panel, [data, pinned] if pinned else [data], round_up)
        changed = bool(wanted != self.limits)
        if changed:
            self.limits = wanted
            self.axes.set(xlim=wanted[:2], ylim=wanted[2:])
        for name, line in self.lines.items():
            x, y = data.lines.get(name, (np.empty(0), np.empty(0)))
            line.set_data(x, y)
            solid = np.isfinite(y)
            alone = (
                solid & ~np.append(solid[1:], False) & ~np.append(False, solid[:-1])
            )  # has no neighbour to be joined to
            every = bool(self.panel.whole_x and y.size <= 30)
            line.set(
                marker="o" if every or alone.any() else "None",
                markevery=None if every else np.flatnonzero(alone).tolist(),
            )
            if name in self.fills:
                step = max(y.size // 900, 1)  # filling costs per point
                self.fills[name].under(x[::step], y[::step], wanted[2] if self.panel.log_y else 0.0)
        for mark, label in self.marks.values():
            mark.set_visible(False)
            label.set_visible(False)
        self._place(data)
        return changed

    def _place(self, data: Data) -> None:
        """Levels, verticals and points, with their labels where there is room."""
        left, right, low, high = self.limits
        wanted = []
        for name, (_, y) in data.levels.items():
            if low <= y <= high:
                self._mark("levels", name)[0].set(ydata=[y, y], visible=True)
                wanted.append(("levels", name, f"{name}: {brief(y)}", (right, y)))
        for name, (x, _) in data.verticals.items():
            if left <= x <= right:
                self._mark("verticals", name)[0].set(xdata=[x, x], visible=True)
                wanted.append(("verticals", name, f"{name}: {brief(x)}", (x, high)))
        for name, (x, y) in data.points.items():
            if left <= x <= right and low <= y <= high:
                self._mark("points", name)[0].set(xdata=[x], ydata=[y], visible=True)
                wanted.append(("points", name, name, (x, y)))
        if not wanted:
            return
        wide, tall = size_of(self.axes)
        taken: list[Any] = []
        for kind, *_, at in wanted:
            ((x, y, *_),) = boxes(self.axes, *at, half=0.0)
            mine = {"levels": (0.0, y - 2, wide, y + 2), "verticals": (x - 2, 0.0, x + 2, tall)}
            taken += [mine[kind]] if kind in mine else 4 * [(x - 7, y - 7, x + 7, y + 7)]
        for line in data.lines.values():
            taken += boxes(self.axes, line[0][:: 1 + line[0].size // 60], line[1][:: 1 + line[1].size // 60])
        for kind, name, text, at in sorted(wanted, key=lambda each: each[0] != "points"):
            label = self._mark(kind, name)[1]
            label.set(text=text, visible=True)
            taken += 4 * [put(label, at, taken, reach=4)]  # to cover a label is worse than to cover a line

    def ghost(self, pinned: Data | None) -> None:
        """The pinned result, thin and grey; none clears it."""
        data = pinned or Data()
        for name, line in self.ghosts.items():
            line.set_data(*data.lines.get(name, ([], [])))
        self.ghost_points.set_data([x for x, _ in data.points.values()], [y for _, y in data.points.values()])


class Panels(LivePicture[Shown]):
    """Up to three panels side by side that stay, and show one `Shown` after the other; see `picture` for explorers.

    A line has the same colour and dashes in every panel. `table`: the rows of the last one shown, as text. An unknown
    name, or a line whose x and y do not fit: `ParameterError`, and the picture stays as it was.

    >>> show = Panels([Panel("Buyers in the queue", lines=["queue"])], Shown("0 wait", {"queue": ([0, 60], [0, 0])}))
    >>> show.update(Shown("50 wait", {"queue": ([0, 60], [0, 50])}, table=[("time", "queue"), ("60 s", "50")]))
    >>> show, show.table[1]
    (50 wait, ('60 s', '50'))
    """

    def __init__(self, panels: Sequence[Panel], shown: Shown, width: float = 11.0, height: float = 4.0) -> None:
        self.panels = panels = [panels] if isinstance(panels, Panel) else list(panels)
        titles = [panel.title for panel in panels]
        if not 1 <= len(panels) <= 3 or len(set(titles)) < len(panels):
            raise ParameterError(f"panels has the titles {titles}: must be one to three different ones; leave some out")
        names = dict.fromkeys(name for panel in panels for name in panel.lines)
        looks = dict(zip(names, itertools.cycle(LOOKS), strict=False))
        self._pins = 0  # how often something was pinned: the background depends on it
        self._pinned: list[Data] | None = None
        with rc_context(STYLE):
            super().__init__(new(width, height))
            wide = self.figure.get_figwidth() / len(panels)
            room = 72 * (wide - 1.05)
            headings = [wrapped(panel.heading, room, 13, bold=True) for panel in panels]
            keys = [_key(panel.lines, room) for panel in panels]
            top = 0.08 + max(0.23 * (h.count("\n") + 1) + key[2] / 72 for h, key in zip(headings, keys, strict=True))
            self._plots = []
            for i, (panel, heading, (labels, columns, tall)) in enumerate(zip(panels, headings, keys, strict=True)):
                place = frame(self.figure, i * wide + 0.77, 0.6, (len(panels) - i - 1) * wide + 0.28, top)
                plot = _Plot(panel, self.figure.add_axes(place), looks)
                plot.axes.set_title(heading, pad=tall + 5)
                if columns:
                    look = {"handlelength": 2.6, "columnspacing": 1.2, "labelspacing": 0.3, "borderaxespad": 0.1}
                    where = {"loc": "lower left", "bbox_to_anchor": (-0.01, 1.0)}
                    plot.axes.legend(plot.lines.values(), labels, ncols=columns, **where, **look)
                self._plots.append(plot)
            pixels, high = self._canvas.get_width_height()
            edges = [round(pixels * i / len(panels)) for i in range(len(panels) + 1)]
            self.cells = {plot.axes: (edges[i], 0, edges[i + 1], high) for i, plot in enumerate(self._plots)}
            grey: Any = {"transform": self.figure.transFigure, "fontsize": 11.5, "color": GREY}
            self._key = self._plots[0].axes.text(0.16 / self.figure.get_figwidth(), 0.02, "", **grey)
        self.update(shown)

    def move(self, result: Shown) -> None:
        data = placed(self.panels, result)
        self.reading, self.table = result.reading, tuple(tuple(map(str, cells)) for cells in result.table)
        self._now = data
        self._redraw()

    def pin(self, result: Shown | None) -> None:
        """Keep a result in sight as thin grey dashed lines and hollow points, to compare with; None takes it away."""
        self._pinned = None if result is None else placed(self.panels, result)
        self._pins += 1
        with rc_context(STYLE):
            self._key.set_text("- - -  pinned" if result else "")
            for i, plot in enumerate(self._plots):
                plot.ghost(self._pinned[i] if self._pinned else None)
            self._redraw()
            self.rescale()

    def _redraw(self) -> None:
        pinned: Sequence[Data | None] = self._pinned or [None] * len(self._plots)
        for plot, data, ghost in zip(self._plots, self._now, pinned, strict=True):
            if plot.show(data, ghost):
                self.rescale(plot.axes, (plot.limits, self._pins))
        self.moving = [artist for plot in self._plots for artist in plot.artists()]


def _key(names: Sequence[str], room: float) -> tuple[list[str], int, float]:
    """The key of some lines: their names in lines that fit, how many side by side, and its height, all in points.

    No key where there is but one line: the title says it all.
    """
    if len(names) < 2:
        return [], 0, 0.0
    labels = [wrapped(name, room - 42, 11.5) for name in names]
    widest = max(text_size(label, 11.5)[0] for label in labels)
    columns = max(1, min(len(labels), int((room + 14) // (widest + 56))))
    rows = math.ceil(len(labels) / columns)
    high = [sum(label.count("\n") + 1 for label in labels[i : i + rows]) for i in range(0, len(labels), rows)]
    return labels, columns, 6.0 + 14.5 * max(high) + 3.5 * (rows - 1)


def picture(panels: Sequence[Panel], width: float = 11.0, height: float = 4.0) -> Callable[[Shown], Panels]:
    """What an `Explorer` takes as its picture: from the first result to the panels that show it and all later ones.

    >>> picture([Panel("Wait (s)", lines=["wait"])])(Shown("Nobody waits.", {"wait": ([0, 1], [0, 0])}))
    Nobody waits.
    """
    return lambda shown: Panels(panels, shown, width, height)


def multiples(
    time: Any, series: Mapping[str, Mapping[str, Any]], *,
    xlabel: str = "time (s)", side_by_side: bool = False, log_y: bool = False, same_y: bool = False,
    shaded: Mapping[str, tuple[float, float]] | None = None,
) -> Picture:  # fmt: skip
    """Small multiples: quantities over the same time, one above the other (or side by side).

    `time` (n,); `series`: title with its unit -> name of a line -> values (n,), NaN and infinity drawn as gaps. `log_y`
    for all, `same_y` to compare heights. `shaded`: spells of time, from and to, by name; the x axis names them.

    >>> multiples([0, 60], {"Buyers in the queue": {"no limit": [0, 500]}, "Wait (s)": {"no limit": [0, 5.8]}})
    Buyers in the queue: no limit up to 500, at the end 500.
    Wait (s): no limit up to 5.8, at the end 5.8.
    """
    t = row("time", time)
    if not t.size or not series:
        raise ParameterError(f"series has {len(series)} titles and time {t.size} values: give at least one of each")
    data = {
        (title, name): drawable(row(name, y, like=("time", t.size), gaps=True), log_y)
        for title, lines in series.items()
        for name, y in lines.items()
    }
    looks = dict(zip(dict.fromkeys(name for _, name in data), itertools.cycle(LOOKS), strict=False))
    words, n, spells = [], len(series), dict(shaded or {})
    # Points from title to title; the page is the same in both modes, so as tall as presenter mode needs.
    pitch = 24.0 + max(44.0, 16.5 * max(map(len, series.values())))
    with rc_context(STYLE):
        drawn = new(11.0, 3.8 if side_by_side else max(3.4, 0.9 + n * PRESENTER * pitch / 72))
        wide = drawn.get_figwidth() / n
        titles = [
            wrapped(scaled(t, log_y), 72 * (wide - 0.95), 13, True) if side_by_side else scaled(t, log_y)
            for t in series
        ]
        over = 0.1 + 0.23 * max(title.count("\n") + 1 for title in titles) + 0.3 * (side_by_side and len(looks) > 1)
        left, bottom, width, height = frame(
            drawn, 0.85, 0.62, 0.25 if side_by_side else end_margin([(name, 0.0, "", "") for name in looks]), over
        )
        place = {"left": left, "bottom": bottom, "right": left + width, "top": bottom + height}
        if side_by_side:
            grid = drawn.add_gridspec(1, n, wspace=0.8 / (wide - 0.8), **place)
        else:
            each = (72 * drawn.get_figheight() * height - 24.0 * (n - 1)) / n
            grid = drawn.add_gridspec(n, 1, hspace=24.0 / each, **place)
        for axes, title, heading in zip(grid.subplots(sharex=True, squeeze=False).ravel(), series, titles, strict=True):
            axes.set(title=heading, yscale="log" if log_y else "linear", xlim=span(t, np.empty(0), False, float))
            plain_ticks(axes.xaxis)
            plain_ticks(axes.yaxis)
            axes.yaxis.set_minor_formatter(NullFormatter())
            values = np.concatenate([np.empty(0), *(y for key, y in data.items() if same_y or key[0] == title)])
            axes.set_ylim(rise(values[np.isfinite(values)], log_y, float))
            for spell in spells.values():
                axes.axvspan(*spell, facecolor="#fbeee4", hatch="//", edgecolor="#f0cdb4", linewidth=0, zorder=0.5)
            ends = []
            for name in series[title]:
                y, (colour, dashes) = data[title, name], looks[name]
                known = y[np.isfinite(y)]
                axes.plot(t, y, color=colour, linestyle=dashes, marker="o" if t.size == 1 else None, label=name)
                ends += [(name, float(known[-1]), colour, dashes)] if known.size else []
                last = float(np.asarray(series[title][name], dtype=np.float64)[-1])
                words.append(f"{title}: {name} up to {brief(known.max(initial=-math.inf))}, at the end {brief(last)}.")
            if not side_by_side:
                name_ends(axes, ends)
        for axes in drawn.axes[:: 1 if side_by_side else -1][: n if side_by_side else 1]:
            axes.set_xlabel(f"{xlabel}; shaded: {', '.join(spells)}" if spells else xlabel)
        if side_by_side and len(looks) > 1:
            keys = [
                Line2D([], [], color=colour, linestyle=dashes, label=name) for name, (colour, dashes) in looks.items()
            ]
            drawn.legend(handles=keys, loc="upper left", ncols=len(keys), borderaxespad=0.1, handlelength=2.6)
    words += [f"Shaded: {name}, {brief(start)} to {brief(end)}." for name, (start, end) in spells.items()]
    return Picture(drawn, "\n".join(words))
