"""Pictures that stand still, one idea each: two counts and their gap, the knee, a flow, a bill, a map, many designs.

Each function returns a `Picture`, whose text says the numbers it shows. Rows of numbers have shape (n,) and are finite
unless a docstring says otherwise; what is wrong with an argument is a `ParameterError`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.collections import LineCollection
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path

from ..decisions.cost import FEE
from ..formulas.usl import UslFit
from ..model.outcome import Outcome
from ..model.scenario import PaymentGateway
from ..parameters import ParameterError
from .canvas import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    RED,
    STYLE,
    Picture,
    boxes,
    frame,
    new,
    plain_ticks,
    size_of,
    text_size,
    wrapped,
)
from .figures import FATES
from .panels import PAPER, end_margin, log_axis, multiples, name_ends, name_near
from .plotted import bill_parts, brief, designs, front, gaps, knee_curves, money, peak, roomiest, row, state_map
from .words import count, seconds, share, single

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cumulative", "flow", "front", "knee", "money", "multiples", "pareto", "phase", "waterfall"]


def _sheet(height: float, left: float = 1.05, bottom: float = 0.62, right: float = 0.25, top: float = 0.25) -> Any:
    """A page 11 inches wide with one pair of axes; the margins are in inches of the sheet."""
    drawn = new(11.0, height)
    axes: Any = drawn.add_axes(frame(drawn, left, bottom, right, top))
    plain_ticks(axes.xaxis)
    plain_ticks(axes.yaxis)
    return drawn, axes


def _key(axes: Any) -> None:
    """What the looks mean, in one row above the axes."""
    where = {"loc": "upper left", "bbox_to_anchor": (axes.get_position().x0 - 0.01, 1.0), "borderaxespad": 0.3}
    axes.figure.legend(*axes.get_legend_handles_labels(), ncols=3, **where)


def _people(number: float) -> str:
    """A number of buyers; fluid, so below ten in parts."""
    return count(number) if number >= 9.95 or number == 0 else brief(number)


def cumulative(
    time: Any, arrived: Any, served: Any, *, at: float | None = None, limit: float = math.inf,
    names: tuple[str, str] = ("arrived", "served"),
) -> Picture:  # fmt: skip
    """Newell's cumulative curves: the vertical gap is the queue, the horizontal gap the wait.

        queue(t) = arrived(t) - served(t);   wait(t) = min{s >= t : served(s) >= arrived(t)} - t, as `fifo_wait`

    `time` (s), `arrived`, `served` (buyers so far): never falling, served never above arrived. `at` (s, within `time`):
    the instant whose gaps are drawn as rulers. `limit` (buyers): what the queue holds when full, drawn as the highest
    that arrived can be. `names`: what the two curves count.

    >>> print(cumulative([0, 30, 90], [0, 3000, 3000], [0, 1000, 3000], at=30))
    3,000 arrived and 3,000 served by 90 s. Longest queue: 2,000 buyers at 30 s. Longest wait: 60 s, joining at 30 s.
    At 30 s: queue 2,000 buyers, wait 60 s.

    Reference: G. F. Newell, Applications of Queueing Theory (1982), chapter 2.
    """
    g = gaps(time, arrived, served, at)
    if not limit >= 0:
        raise ParameterError(f"limit is {limit:g} buyers: must be at least 0; pass infinity for no limit")
    t, a, s, i = g.time, g.arrived, g.served, g.index
    end = f"by {brief(t[-1])} s"
    waits = [seconds(w) if math.isfinite(w) else f"not {names[1]} {end}" for w in (g.wait.max(), g.wait[i])]
    depth = f"{_people(g.queue[i])} buyers"
    words = (
        f"{_people(a[-1])} {names[0]} and {_people(s[-1])} {names[1]} {end}. Longest queue: {_people(g.queue.max())} buyers "
        f"at {brief(t[peak(g.queue)])} s. Longest wait: {waits[0]}, joining at {brief(t[peak(g.wait)])} s."
    )
    with rc_context(STYLE):
        ends = [(f"{name}\n{_people(y)}", y, *look) for name, y, look in
                zip(reversed(names), (s[-1], a[-1]), ((GREEN, "--"), (BLUE, "-")), strict=True)]  # fmt: skip
        if math.isfinite(limit):
            ends.append((f"queue full\n({_people(limit)})", s[-1] + limit, GREY, ":"))
        drawn, axes = _sheet(4.0, right=end_margin(ends))
        axes.fill_between(t, s, a, color=ORANGE, alpha=0.28, linewidth=0)
        axes.plot(t, a, color=BLUE)
        axes.plot(t, s, color=GREEN, linestyle="--")
        full = float(s[-1]) + limit
        high = max(1.2 * float(a[-1]), 1.05 * full if full <= 2 * a[-1] else 0.0)  # else it leaves the frame
        axes.set(xlabel="time (s)", ylabel="buyers so far", ylim=(0, high or 1.0))
        axes.set_xlim(t[0], t[-1] if t[-1] > t[0] else t[0] + 1.0)
        if math.isfinite(limit):
            axes.plot(t, s + limit, color=GREY, linestyle=":")
        name_ends(axes, ends)
        if at is not None:
            words += f"\nAt {brief(at)} s: queue {depth}, wait {waits[1]}."
            until = min(t[i] + g.wait[i], t[-1])
            grid = np.linspace(t[0], t[-1], 200)
            taken = [box for curve in (a, s, s + limit) for box in boxes(axes, grid, np.interp(grid, t, curve))]
            for x, y, cap in (([at, at], [s[i], a[i]], "_"), ([at, until], [a[i], a[i]], "|")):
                axes.plot(x, y, color=INK, marker=cap, markersize=10, markeredgewidth=2, clip_on=False, zorder=5)
                taken += boxes(axes, np.linspace(x[0], x[1], 60), np.linspace(y[0], y[1], 60))
            name_near(axes, f"wait: {waits[1]}", ((at + until) / 2, a[i]), taken, weight="bold")
            name_near(axes, f"queue: {depth}", (at, (s[i] + a[i]) / 2), taken, weight="bold")
    return Picture(drawn, words)


def knee(
    calls: Any, throughput: Any, fit: UslFit | PaymentGateway | None = None, *,
    ideal: bool = False, response: bool = False, unit: str = "calls/s", load: str = "calls in flight",
) -> Picture:  # fmt: skip
    """Throughput against calls in flight: measured points, the curve, its peak, and the region past it.

        X(N) = N/R(N), which peaks at N* = sqrt((1-sigma)/kappa);   R(N) = N/X(N), by Little's law

    `calls` (N, above 0) and `throughput` (in `unit`, at least 0), both empty for the curve alone. `fit`: from
    `fit_usl`, or a (healthy) gateway; without one the points stand alone. `ideal` adds the line of calls that do not
    slow each other, `response` a second panel with the time per call R. `load` says in words what N counts.

    >>> print(knee([], [], PaymentGateway()))
    Peak: 86.6 calls/s at 160 calls in flight. At 400 calls in flight: 62.3 calls/s, 72 % of the peak.
    """
    law = (fit.service_time, fit.contention, fit.coherency) if fit else None
    rates, times, far, top, best = knee_curves(calls, throughput, law)
    measured = len(rates[0][0])
    words = f"{measured} measured, up to {brief(rates[0][1].max())} {unit}. " if measured else ""
    if law:
        words += f"Peak: {brief(best)} {unit} at {brief(top)} {load}. " if top < math.inf else "No peak. "
        words += f"At {brief(rates[1][0][-1])} {load}: {brief(rates[1][1][-1])} {unit}"
        words += f", {share(rates[1][1][-1], best)} of the peak." if top < far else "."
    per = unit.partition("/")[2] or f"1/({unit})"
    labels = (f"throughput ({unit})", f"time per call ({per})")
    names = (
        f"peak: {brief(best)} {unit}\nat {brief(top)} {load.partition(' ')[0]}",
        f"at the peak: {brief(top / best)} {per}",
    )
    with rc_context(STYLE):
        half = new(11.0, 4.0).get_figwidth() / 2 if response else 0.0
        drawn, first = _sheet(4.0, right=0.25 + half, top=0.5)
        panels = [first, *([drawn.add_axes(frame(drawn, half + 1.05, 0.62, 0.25, 0.5))] if response else [])]
        for i, (axes, curves) in enumerate(zip(panels, (rates, times), strict=False)):
            high = 1.4 * max(float(np.max(y, initial=0.0)) for _, y in curves) or 1.0
            label = wrapped(labels[i], 72 * drawn.get_figheight() - 12)
            axes.set(xlabel=load, ylabel=label, xlim=(0, far), ylim=(0, high))
            axes.plot(*curves[0], "o", color=INK, markersize=8, zorder=7, label="measured" if measured else "_")
            if law:
                axes.plot(*curves[1], color=BLUE, label="fitted curve" if isinstance(fit, UslFit) else "the gateway")
            if ideal and law and i == 0:
                curves.append((np.linspace(0, far, 600), np.linspace(0, far / law[0], 600)))
                axes.plot(*curves[2], color=GREY, linestyle="--", label="if calls did not slow each other")
            if top < far:
                axes.axvspan(top, far, facecolor="#fbeee4", hatch="//", edgecolor="#f0cdb4", linewidth=0, zorder=0.5)
                (wide, tall), at = size_of(axes), (top, top / best if i else best)
                past = wrapped("past the peak:\nmore in, less out", 0.94 * wide * (1 - top / far))
                axes.text(0.99, 0.04, past, transform=axes.transAxes, ha="right", bbox=PAPER, zorder=6)
                across, up = text_size(past)
                taken = [(0.99 * wide - across - 4, 0.0, wide, 0.04 * tall + up + 4)]
                taken += 4 * boxes(axes, *curves[0], half=7.0) + [b for c in curves[1:] for b in boxes(axes, *c)[::5]]
                axes.plot(*at, "D", color=RED, markersize=10, zorder=7)
                name_near(axes, names[i], at, taken, weight="bold")
        _key(first)
    return Picture(drawn, words.strip())


def flow(outcome: Outcome) -> Picture:
    """The ledger over time: buyers so far by where they are, stacked up to the arrivals.

        arrived(t) = paid + charged late + declined + turned away + gave up + failed + still open

    One scenario, simulated with record=True. The last values are those of `outcome.ledger()`.

    >>> from flashsale_lib import Design, simulate
    >>> print(flow(simulate(Design.unlimited(workers=160))))
    After 900 s, of 33,550 buyers: paid 23,632, card declined 2,055, gave up waiting 7,859, still open 4. Most open at \
once: 15,647, at 130 s.
    """
    table = single(outcome).ledger(over_time=True)
    t, arrived = (table[name].to_numpy() for name in ("time", "arrived"))
    layers = {fate: table[fate].to_numpy() for fate in FATES if fate != "open"}
    layers["open"] = np.maximum(arrived - sum(layers.values()), 0.0)
    most, opened = peak(layers["open"]), layers["open"].max()
    parts = ", ".join(f"{FATES[fate][0]} {count(y[-1])}" for fate, y in layers.items() if y[-1] >= 0.5)
    words = f"After {brief(t[-1])} s, of {count(arrived[-1])} buyers: {parts or 'nobody'}. "
    words += f"Most open at once: {count(opened)}, at {brief(t[most])} s."
    with rc_context(STYLE):
        drawn, axes = _sheet(4.2, right=2.4)
        high = float(arrived[-1]) or 1.0
        axes.set(xlabel="time (s)", ylabel="buyers so far", xlim=(t[0], t[-1]), ylim=(0, 1.03 * high))
        below, ends = np.zeros_like(t), []
        for fate, y in layers.items():
            label, colour, hatch, _ = FATES[fate]
            axes.fill_between(t, below, below + y, facecolor=colour, hatch=hatch, edgecolor="white", linewidth=0)
            if y[-1] >= 0.5:
                ends.append((f"{label} {count(y[-1])}", below[-1] + y[-1] / 2, colour, "-"))
            if fate == "open" and opened > 0.12 * high:
                span = [below[most], below[most] + opened]
                axes.plot([t[most]] * 2, span, color=INK, marker="_", markersize=10, markeredgewidth=2)
                taken = boxes(axes, np.full(40, t[most]), np.linspace(span[0], span[1], 40))
                name_near(axes, f"{label}: {count(opened)}", (t[most], sum(span) / 2), taken)
            below = below + y
        axes.plot(t, arrived, color=INK, linewidth=1.6)
        name_ends(axes, ends)
    return Picture(drawn, words)


def waterfall(
    items: pd.DataFrame | Mapping[str, float], *, total: str = "total", apart: Sequence[str] = (), unit: str = "dollars"
) -> Picture:
    """A bill as bars that start where the one before ended, the total last; what nobody is billed for stands apart.

        total = sum of the items that are not apart

    `items`: a table as from `bill` (its rows of kind "lost" stand apart), or amounts by name, in `unit`, of any sign.
    `apart`: names to set apart, too.

    >>> print(waterfall({"workers": 1.5, "gateway fees": 40, "lost margin": 900}, apart=["lost margin"]))
    total 41.50 dollars: workers 1.50, gateway fees 40.00. Apart from it: lost margin 900.00 dollars.
    """
    parts, aside = bill_parts(items, apart)
    whole = math.fsum(amount for *_, amount in parts)
    bars, start = [], 0.0
    for name, kind, amount in parts:
        look = (GREEN, "..") if amount < 0 else (ORANGE, "//") if kind == FEE else (BLUE, "")
        bars.append((name, start, amount, *look))
        start += amount
    bars += [(total, 0.0, whole, INK, ""), *((name, 0.0, amount, RED, "xx") for name, _, amount in aside)]
    places = [i + 0.6 * (i > len(parts)) for i in range(len(bars))]
    with rc_context(STYLE):
        names = [wrapped(name, 170) for name, *_ in bars]
        side = max(text_size(name)[0] for name in names) / 72 + 0.2
        drawn, axes = _sheet(1.0 + 0.38 * (places[-1] + 1), left=side, top=0.1)
        room = size_of(axes)[0]
        low = min(0.0, *(start + min(amount, 0.0) for _, start, amount, *_ in bars))
        ends = [(start + max(amount, 0.0), text_size(money(amount))[0] + 14) for _, start, amount, *_ in bars]
        # Dollars per point, so that all labels fit.
        scale = max((high - low) / (room - text - 6) for high, text in ends) or 1 / room
        low -= 6 * scale * (low < 0)
        axes.set(xlim=(low, low + room * scale), ylim=(places[-1] + 0.6, -0.6), xlabel=unit)
        for y, (_, start, amount, colour, hatch), (high, _) in zip(places, bars, ends, strict=True):
            axes.barh(y, amount, left=start, height=0.7, color=colour, hatch=hatch, edgecolor="white", linewidth=0)
            if abs(amount) < 3 * scale:  # so that a sliver can be seen
                axes.plot([start + amount] * 2, [y - 0.35, y + 0.35], color=colour, linewidth=3, solid_capstyle="butt")
            axes.annotate(money(amount), (high, y), (8, 0), textcoords="offset points", va="center", bbox=PAPER)
        for i, (_, start, amount, *_) in enumerate(bars[: len(parts)]):
            axes.plot([start + amount] * 2, [places[i] - 0.35, places[i + 1] + 0.35], color=GREY, linewidth=1)
        axes.set_yticks(places, names)
        axes.tick_params(axis="y", length=0)
        axes.grid(False, axis="y")
        axes.axvline(0, color=GREY, linewidth=1)
    sums = ", ".join(f"{name} {money(amount)}" for name, _, amount in parts) or "nothing"
    words = f"{total} {money(whole)} {unit}: {sums}."
    words += (
        f" Apart from it: {', '.join(f'{name} {money(amount)}' for name, _, amount in aside)} {unit}." if aside else ""
    )
    return Picture(drawn, words)


STATES = (("#cdeadf", "", INK), ("#f8e3b0", "//", "#dfb44e"), ("#f3c7ab", "xx", "#d98a55"))
"""Fill, hatch and hatch colour of the three states of `phase`."""


def phase(
    x: Any, y: Any, state: Any, xlabel: str, ylabel: str, *, points: Mapping[str, tuple[float, float]] | None = None,
    names: Sequence[str] = ("stable", "vulnerable", "collapsed"), log_x: bool = False, log_y: bool = False,
) -> Picture:  # fmt: skip
    """A map of what becomes of a system: flat, hatched regions of up to three states, named where they are.

    `x` (m,), `y` (n,): rising, the middles of the cells; above 0 on a log axis. `state` (n, m): 0, 1 or 2 for `names`.
    `points`: places to mark, by name, within the map.

    >>> print(phase([1, 2, 3], [1, 2], [[0, 0, 1], [0, 1, 2]], "load", "retries", points={"you are here": (2, 2)}))
    Of the map: stable 50 %, vulnerable 33 %, collapsed 17 %. you are here (load 2, retries 2): vulnerable.
    """
    if not 1 <= len(names) <= 3:
        raise ParameterError(f"names has {len(names)} names: must be 1 to 3 states; put some of them together")
    m, marks = state_map(x, y, state, len(names), log_x, log_y), dict(points or {})
    for name, (a, b) in marks.items():
        if not (m.x[0] <= a <= m.x[-1] and m.y[0] <= b <= m.y[-1]):
            where = f"x from {m.x[0]:g} to {m.x[-1]:g}, y from {m.y[0]:g} to {m.y[-1]:g}"
            raise ParameterError(f"points has {name!r} at ({a:g}, {b:g}): must be on the map, {where}; move it there")
    with rc_context(STYLE):
        drawn, axes = _sheet(4.4, top=0.45)
        axes.set(xlabel=xlabel, ylabel=ylabel, xlim=m.x[[0, -1]], ylim=m.y[[0, -1]])
        for side in "x" * log_x + "y" * log_y:
            log_axis(axes, side)
        axes.grid(False)
        wide, high = size_of(axes)
        across, up = m.borders().reshape(-1, 2).T
        edges = boxes(axes, across, up, half=2)  # a label across a border belongs to neither side
        taken = [*edges, *(box for place in marks.values() for box in boxes(axes, *place, half=10))]
        for name, place in marks.items():
            axes.plot(*place, "*", color=INK, markeredgecolor="white", markersize=20, zorder=7)
            name_near(axes, name, place, taken, away=13.0, weight="bold")
        taken = taken[len(edges) :]
        # A raster of the picture, 4 points a cell, tells where a name fits, with 32 points to a label of a point.
        columns, rows = int(wide / 4), int(high / 4)
        spots = axes.transAxes + axes.transData.inverted()
        u, v = np.meshgrid((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows)
        data = spots.transform(np.column_stack([u.ravel(), v.ravel()]))
        raster = m.at(data[:, 0], data[:, 1]).reshape(u.shape)
        for left, bottom, right, over in taken:
            raster[max(int(bottom / 4) - 8, 0) : int(over / 4) + 9, max(int(left / 4), 0) : int(right / 4) + 1] = -1
        small: list[Patch] = []
        for k, (name, (colour, hatch, ink)) in enumerate(zip(names, STATES, strict=False)):
            corners = m.corners(k)
            if not corners.size:
                continue
            codes = np.tile([Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY], len(corners))
            look: dict[str, Any] = {"facecolor": colour, "hatch": hatch, "edgecolor": ink, "linewidth": 0}
            axes.add_patch(PathPatch(Path(corners.reshape(-1, 2), codes), **look))
            wide, high = text_size(name, 14, bold=True)
            spot = roomiest(raster == k, math.ceil(high / 4) + 2, math.ceil(wide / 4) + 3)
            if spot:
                at = {"x": spot[1] / columns, "y": spot[0] / rows, "ha": "center", "va": "center"}
                axes.text(s=name, transform=axes.transAxes, fontsize=14, weight="bold", bbox=PAPER, **at)
            else:
                small.append(Patch(label=name, **look))
        axes.add_collection(LineCollection(list(m.borders()), colors=INK, linewidths=1.6, capstyle="projecting"))
        if small:
            axes.legend(handles=small, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, borderaxespad=0.2)
    words = f"Of the map: {', '.join(f'{name} {share(m.share(k), 1.0)}' for k, name in enumerate(names))}."
    for name, (a, b) in marks.items():
        words += f" {name} ({xlabel} {brief(a)}, {ylabel} {brief(b)}): {names[int(m.at(a, b))]}."
    return Picture(drawn, words)


def pareto(
    cost: Any, value: Any, *, ok: Any = None, you: tuple[float, float] | None = None, name: str = "you",
    log_x: bool = False, xlabel: str = "running cost per order (dollars)", ylabel: str = "buyers who paid",
) -> Picture:  # fmt: skip
    """Many designs at once: what each costs and what it brings, and the staircase of those that no other beats.

    `cost`, `value`: one of each per design; a design with an infinite or missing one (as a cost per order where nothing
    was sold) is left out and counted in the words. `ok`: which meet the targets, True or False; the staircase is then
    theirs. `you`: your own design, or another one by `name`.

    >>> print(pareto([1, 2, 2, 3], [10, 30, 20, 30], you=(2, 20)))
    Designs: 4; 2 on the front, from 10 at 1 to 30 at 2. You: 20 at 2; 1 design beats that.
    """
    c, v, meets, best, lost = designs(cost, value, ok, log_x)
    words = f"Designs: {c.size + lost:,}" + (f", {lost:,} of them without a place in the picture" if lost else "")
    words += "" if ok is None else f"; {meets.sum():,} meet the targets"
    if best.size:
        ends = [f"{brief(v[i])} at {brief(c[i])}" for i in best[[0, -1]]]
        words += f"; {best.size} on the front, from {ends[0]} to {ends[1]}"
    words += "."
    if you is not None:
        a, b = (float(row("you", you, like=("(cost, value)", 2))[i]) for i in (0, 1))
        if log_x and a <= 0:
            raise ParameterError(f"you has the cost {a:g}: must be above 0 on a log axis; leave log_x out")
        beat = int(np.sum(meets & (c <= a) & (v >= b) & ((c < a) | (v > b))))
        one, many = ("s", "") if beat == 1 else ("", "s")
        good = "" if ok is None else f"that meet{one} the targets "
        better = f"{f'{beat:,}' if beat else 'no'} design{many} {good}beat{one} that."
        words += f" {name[:1].upper() + name[1:]}: {brief(b)} at {brief(a)}; {better}"
    with rc_context(STYLE):
        drawn, axes = _sheet(4.2, top=0.45)
        axes.set(xlabel=xlabel, ylabel=ylabel)
        if log_x:
            log_axis(axes, "x")
        look: dict[str, Any] = {"linestyle": "none", "rasterized": True}
        if not meets.all():
            axes.plot(c[~meets], v[~meets], "x", color=GREY, alpha=0.8, markersize=5, label="misses a target", **look)
        kind = "a design" if ok is None else "meets all targets"
        axes.plot(c[meets], v[meets], "o", color=BLUE, alpha=0.5, markersize=5, markeredgewidth=0, label=kind, **look)
        axes.margins(0.08)
        if you is not None:
            axes.plot(a, b, "*", color=RED, markeredgecolor=INK, markersize=20, zorder=6)
        axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())
        if best.size:
            stairs = [*c[best], axes.get_xlim()[1]], [*v[best], v[best[-1]]]
            kind = f"front: no design{'' if ok is None else ' that meets all targets'} beats these"
            marks: dict[str, Any] = {"marker": "s" if best.size <= 30 else "", "markevery": [*range(best.size)]}
            axes.step(*stairs, where="post", color=INK, label=kind, **marks)
        if you is not None:
            name_near(axes, f"{name}: {brief(b)} at {brief(a)}", (a, b), 4 * boxes(axes, c, v), 13.0, weight="bold")
        _key(axes)
    return Picture(drawn, words)
