"""Pictures of a drop: over time, where buyers ended, the four clocks, one quantity against another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import rc_context

from ..model.outcome import Outcome
from ..parameters import FloatArray, Numeric
from .artists import Bar, Label, Shade
from .canvas import (
    BLUE,
    DEEP,
    GREEN,
    GREY,
    INK,
    LIGHT,
    ORANGE,
    RED,
    SKY,
    STYLE,
    LivePicture,
    Picture,
    boxes,
    new,
    plain_log,
    plain_ticks,
    presenting,
    put,
    round_up,
)
from .plotted import brief
from .words import count, reading, seconds, share, single, waited

LOG = " (log scale)"

FATES: dict[str, tuple[str, str, str, str]] = {
    "paid": ("paid", GREEN, "", "white"),
    "paid_late": ("charged late", DEEP, "..", "white"),
    "declined": ("card declined", GREY, "", "white"),
    "turned_away": ("turned away", SKY, "//", INK),
    "gave_up": ("gave up waiting", ORANGE, "\\\\", INK),
    "dead_lettered": ("payment failed", RED, "xx", "white"),
    "open": ("still open", LIGHT, "--", INK),
}
"""Where buyers end, as pictures show it: label, colour, hatch, colour of the text on it."""


def fates(outcome: Outcome) -> dict[str, float]:
    """Buyers of one scenario by fate, with the four unfinished places taken together."""
    outcome = single(outcome)
    unfinished = outcome.reloading + outcome.queued + outcome.at_gateway + outcome.recovering
    return {name: unfinished if name == "open" else getattr(outcome, name) for name in FATES}


def table(outcome: Outcome) -> tuple[tuple[str, ...], ...]:
    """The ledger of one outcome as rows of words, for screen readers and for those who prefer numbers."""
    rows = ((FATES[name][0], count(n), share(n, outcome.arrived)) for name, n in fates(outcome).items())
    return (("buyers who ...", "number", "share"), *rows)


class DropPicture(LivePicture[Outcome]):
    """One drop on one page: where buyers ended, and rates, queue and gateway side by side over the same time."""

    def __init__(self, outcome: Outcome, width: float = 11.0, height: float = 4.0) -> None:
        with rc_context(STYLE):
            super().__init__(new(width, height * (1.15 if presenting() else 1.0)))
            wide, high = self.figure.get_size_inches()
            left, right = (0.74 if presenting() else 0.64) / wide, 1 - 0.13 / wide
            self.ends = self.figure.add_axes((left, 1 - 0.84 / high, right - left, 0.56 / high))
            panels = self.figure.add_gridspec(
                1,
                3,
                left=left,
                right=right,
                top=1 - 1.38 / high,
                bottom=0.56 / high,
                wspace=0.42 if presenting() else 0.31,
            )
            self.rates, self.queue, self.gateway = (self.figure.add_subplot(panels[i]) for i in range(3))
            self._limits: dict[Any, tuple[float, ...]] = {}
            self.cells = self._cells()
            self._pinned = False
            self._shown = outcome
            self._draw_ends()
            self._draw_panels()
        self.update(outcome)

    def pin(self, result: Outcome | None) -> None:
        """Keep an outcome in sight: its ledger as a lower, pale bar, its curves in grey."""
        with rc_context(STYLE):
            self._pin_ends(result)
            self._label_ends(self._shown)
            for line, name in self.ghosts.items():
                line.set_visible(result is not None)
                if result is not None:
                    line.set_data(result.time, result.series(name))

    def _pin_ends(self, result: Outcome | None) -> None:
        self._pinned = result is not None
        tall, low = (1.0, -0.5) if result is None else (0.56, -0.06)
        for bar in self.bars.values():
            bar.set(y=low, height=tall)
        for label in self.labels.values():
            label.set_y(low + tall / 2)
        for bar in self.pinned.values():
            bar.set_visible(False)
        left = 0.0
        for name, buyers in fates(result).items() if result is not None else ():
            part = buyers / max(result.arrived, 1e-300) if result is not None else 0.0
            self.pinned[name].set(x=left, width=part, visible=part > 0)
            left += part
        self.pinned_note.set_visible(result is not None)
        if result is not None:
            self.pinned_note.set_text(f"pinned: paid {count(result.paid)}")

    def _label_ends(self, outcome: Outcome) -> None:
        left, total = 0.0, max(outcome.arrived, 1e-300)
        for name, buyers in fates(outcome).items():
            part = buyers / total
            bar, label = self.bars[name], self.labels[name]
            bar.set(x=left, width=part, visible=part > 0)
            full = f"{FATES[name][0]}{' ' if self._pinned else chr(10)}{count(buyers)}"
            text = full if part > (0.21 if self._pinned else 0.125) else count(buyers) if part > 0.06 else ""
            label.set(x=left + part / 2, text=text, visible=bool(text))
            left += part

    def _draw_ends(self) -> None:
        axes = self.ends
        axes.set_title("Where every buyer ended")
        axes.set(xlim=(0, 1), ylim=(-0.5, 0.5), xticks=[], yticks=[])
        axes.grid(False)
        axes.spines[:].set_visible(False)
        self.bars, self.labels, self.pinned = {}, {}, {}
        for name, (_, colour, hatch, ink) in FATES.items():
            look: Any = dict(facecolor=colour, hatch=hatch, edgecolor="white", linewidth=0)
            self.bars[name] = Bar((0, -0.5), 0, 1.0, **look)
            self.pinned[name] = Bar((0, -0.5), 0, 0.36, **look, alpha=0.55, visible=False)
            axes.add_patch(self.bars[name])
            axes.add_patch(self.pinned[name])
            box = {"boxstyle": "round,pad=0.15", "facecolor": colour, "edgecolor": "none"} if hatch else None
            self.labels[name] = Label(0, 0, "", ha="center", va="center", color=ink, bbox=box)
            axes.add_artist(self.labels[name])
        self.pinned_note = Label(
            0.006, -0.32, "", va="center", fontsize=11.5, bbox={"facecolor": "white"}, visible=False
        )
        axes.add_artist(self.pinned_note)
        self.moving += [*self.bars.values(), *self.labels.values(), *self.pinned.values(), self.pinned_note]

    def _draw_panels(self) -> None:
        self.rates.set_title(("Buyers/s" if presenting() else "Buyers per second") + LOG)
        (self.arriving,) = self.rates.plot(
            [],
            [],
            color=GREY,
            linestyle=":",
            linewidth=3.5,
            label="arriving" if presenting() else "arriving, reloads too",
        )
        (self.admitted,) = self.rates.plot([], [], color=BLUE, linestyle="--", label="let in")
        (self.paying,) = self.rates.plot([], [], color=GREEN, label="paying")
        self.rates.legend(loc="upper right", borderaxespad=0, labelspacing=0.3)
        self.queue.set_title("Buyers in the queue")
        (self.waiting,) = self.queue.plot([], [], color=ORANGE)
        self.deep = Shade(ORANGE, 0.25)
        self.queue.add_patch(self.deep)
        self.gateway.set_title(("Calls" if presenting() else "Calls in flight") + LOG)
        (self.flying,) = self.gateway.plot([], [], color=RED)
        for axes in (self.rates, self.gateway):
            axes.set_yscale("log")
            axes.minorticks_off()  # many, and slow to draw
            plain_log(axes.yaxis)
        plain_ticks(self.queue.yaxis)
        self.marks = {axes: self._mark(axes) for axes in (self.rates, self.gateway)}
        self.queue_note, self.gateway_note = (
            Label(0.99, 0.97, "", transform=axes.transAxes, ha="right", va="top", fontsize=11.5)
            for axes in (self.queue, self.gateway)
        )
        self.queue.add_artist(self.queue_note)
        self.gateway.add_artist(self.gateway_note)
        for axes in (self.rates, self.queue, self.gateway):
            axes.set_xlabel("time (s)")
        self.ghosts = {
            axes.plot([], [], color=GREY, linewidth=1.4, linestyle=(0, (1, 1)), visible=False)[0]: name
            for axes, name in ((self.rates, "goodput"), (self.queue, "queue"), (self.gateway, "in_flight"))
        }
        self.moving += [*self.ghosts, self.arriving, self.admitted, self.paying, self.deep, self.waiting, self.flying]
        self.moving += [self.queue_note, self.gateway_note]

    @staticmethod
    def _mark(axes: Any) -> tuple[Any, Any]:
        """A dashed level with its name at the right: the gateway's best."""
        line = axes.axhline(1, color=INK, linewidth=1.2, linestyle="--")
        text = axes.text(0.99, 1, "", transform=axes.get_yaxis_transform(), ha="right", va="bottom", fontsize=11.5)
        return line, text

    def move(self, result: Outcome) -> None:
        outcome = result
        self.reading, self.table = reading(outcome), table(outcome)
        self._shown = outcome
        self._label_ends(outcome)
        rates = {self.arriving: outcome.offered, self.admitted: outcome.admitted, self.paying: outcome.goodput}
        for line, values in (*rates.items(), (self.waiting, outcome.queue), (self.flying, outcome.in_flight)):
            line.set_data(outcome.time, values)
        self.deep.under(outcome.time[::4], outcome.queue[::4])  # filling costs per point, and hides steps of 1 s
        wait = waited(outcome).replace(" under", "\nunder") if presenting() else waited(outcome)
        self.queue_note.set_text(f"longest {count(outcome.max_queue)}\n{wait}")
        self.gateway_note.set_text(f"time per call rose\nto {seconds(outcome.worst_response_time)}")
        self._set_limits(outcome, max(float(np.max(values)) for values in rates.values()))

    def _set_limits(self, outcome: Outcome, fastest: float) -> None:
        """Axis limits, in steps so big that most moves leave them alone."""
        calls, rate = outcome.scenario[3].peak()
        rate_top = (100.0 if presenting() else 10.0) * 10.0 ** np.ceil(np.log10(max(fastest, rate, 10.0)) - 1e-9) / 2
        call_top = 10.0 ** np.ceil(np.log10(max(4.0 * outcome.max_in_flight, 25.0 * min(calls, 1e6))))
        deep = max(10.0, round_up(outcome.max_queue))
        window = (outcome.time[0], outcome.time[-1])
        for axes, limits, mark in (
            (self.rates, (1.0, rate_top), (rate, f"gateway's best, {rate:.0f}")),
            (self.queue, (0.0, (1.6 if presenting() else 1.3) * deep), None),
            (self.gateway, (1.0, call_top), (calls, f"best, {count(calls)}")),
        ):
            key = (*window, *limits, *(mark or ()))
            if self._limits.get(axes) == key:
                continue
            self._limits[axes] = key
            axes.set_xlim(*window)
            axes.set_ylim(*limits)
            if mark is not None:
                line, text = self.marks[axes]
                line.set_ydata([mark[0], mark[0]])
                text.set(y=mark[0], text=mark[1], visible=bool(limits[0] < mark[0] < limits[1]))
            self.rescale(axes, key)

    def _cells(self) -> dict[Any, tuple[int, int, int, int]]:
        """The part of the canvas that each panel has to itself: from its own numbers to those of the next."""
        wide, high = self._canvas.get_width_height()
        panels = (self.rates, self.queue, self.gateway)
        edges = [panel.get_position().x0 for panel in panels[1:]]
        gap = edges[0] - panels[0].get_position().x1
        borders = [0, *(round(wide * (edge - 0.8 * gap)) for edge in edges), wide]
        top = round(high * (self.rates.get_position().y1 + self.ends.get_position().y0) / 2)
        return {panel: (borders[i], 0, borders[i + 1], top) for i, panel in enumerate(panels)}


def ledger(outcomes: Mapping[str, Outcome]) -> Picture:
    """Where every buyer ended, one bar per named outcome."""
    ends = {name: fates(outcome) for name, outcome in outcomes.items()}
    height = 1.0 + 0.75 * len(ends)
    with rc_context(STYLE):
        drawn = new(11.0, height)
        axes = drawn.add_axes((0.13, 0.06, 0.84, 1.0 - 0.06 - 0.55 / height))
        labelled = set()
        for row, buyers in enumerate(ends.values()):
            left, total = 0.0, max(sum(buyers.values()), 1e-300)
            for fate, number in buyers.items():
                label, colour, hatch, ink = FATES[fate]
                if number < 0.001 * total:
                    continue
                axes.barh(
                    row, number / total, left=left, height=0.72, color=colour, hatch=hatch, edgecolor="white",
                    linewidth=0, label=None if label in labelled else label,
                )  # fmt: skip
                labelled.add(label)
                if number > 0.025 * total:
                    box = {"boxstyle": "round,pad=0.15", "facecolor": colour, "edgecolor": "none"}
                    upright: Any = {"rotation": 90, "fontsize": 11} if number < 0.055 * total else {}  # a narrow part
                    middle = left + 0.5 * number / total
                    axes.text(middle, row, count(number), ha="center", va="center", color=ink, bbox=box, **upright)
                left += number / total
        axes.set_yticks(range(len(ends)), list(ends))
        axes.set(xticks=[], xlim=(0, 1), ylim=(len(ends) - 0.55, -0.45))
        axes.grid(False)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        if labelled:
            axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=6, handlelength=1.2, columnspacing=1.2)
    words = {name: (f"{FATES[fate][0]} {count(n)}" for fate, n in b.items() if n >= 0.5) for name, b in ends.items()}
    return Picture(drawn, "\n".join(f"{name}: {', '.join(parts)}" for name, parts in words.items()))


def curve(x: FloatArray, y: FloatArray, *, xlabel: str, ylabel: str, marks: Mapping[str, float]) -> Picture:
    """One quantity against another, with named points on it: `marks` maps a name to the x it stands at.

    Its words give each mark with its y.
    """
    with rc_context(STYLE):
        drawn = new(11.0, 3.6)
        axes = drawn.add_axes((0.085, 0.17, 0.895, 0.77))
        axes.plot(x, y, color=GREEN)
        axes.set(xlabel=xlabel, ylabel=ylabel, xlim=(0, 1.08 * float(np.max(x))), ylim=(0, 1.25 * float(np.max(y))))
        at = {name: float(np.interp(place, x, y)) for name, place in marks.items()}
        grid = np.linspace(np.min(x), np.max(x), 300)
        taken: list[Any] = boxes(axes, grid, np.interp(grid, x, y))
        taken += 4 * boxes(axes, list(marks.values()), list(at.values()), half=8.0)  # worse to cover than the line
        for name, place in marks.items():
            axes.plot([place], [at[name]], "o", color=INK, markersize=8, clip_on=False, zorder=5)
            label = axes.text(0, 0, f"{name}\n{count(at[name])}", transform=axes.transAxes)
            taken += 4 * [put(label, (place, at[name]), taken, away=9.0)]
        plain_ticks(axes.yaxis)
    return Picture(
        drawn, "\n".join(f"{name}: {xlabel} {brief(marks[name])}, {ylabel} {count(at[name])}" for name in marks)
    )


CLOCKS = ("accept", "queue", "gateway", "end to end")
FASTEST = 0.01
"""Where the axis of the clocks begins, in s: what is quicker stands there, and its words tell."""


def clocks(outcomes: Mapping[str, Outcome], q: float = 0.95) -> Picture:
    """The four clocks a buyer is under, per named outcome: the time that a share `q` stayed below (log scale)."""
    times = {name: clock_times(outcome, q) for name, outcome in outcomes.items()}
    with rc_context(STYLE):
        tall = 0.16 + 0.24 * max(len(times), 2)  # inches for one clock
        drawn = new(11.0, 1.3 + tall * len(CLOCKS))
        axes = drawn.add_axes((0.13, 0.19, 0.84, 0.66))
        for i, (name, row) in enumerate(times.items()):
            place = np.arange(len(CLOCKS)) + 0.26 / tall * (i - (len(times) - 1) / 2)
            marker, colour = (("X", RED), ("o", GREEN), ("s", BLUE), ("D", ORANGE))[i % 4]
            shown = np.maximum(row, FASTEST)
            axes.plot(shown, place, marker, color=colour, markersize=11, label=name, clip_on=False, zorder=5)
            for x, y, time in zip(shown, place, row, strict=True):
                text = seconds(time) + " (off the scale)" * bool(time < FASTEST)
                axes.annotate(text, (x, y), (11, 0), textcoords="offset points", va="center")
        slowest = max((float(np.nanmax(row, initial=1.0)) for row in times.values()), default=1.0)
        axes.set(xscale="log", xlim=(FASTEST, 4 * slowest), ylim=(len(CLOCKS) - 0.5, -0.5))
        axes.set_xlabel("seconds (log scale)")
        axes.set_title(f"{100 * q:.0f} % were faster than", loc="right")
        plain_log(axes.xaxis)
        axes.set_yticks(range(len(CLOCKS)), CLOCKS)
        axes.grid(False, axis="y")  # a clock's markers stand in its band, above and below its name
        for i in range(0, len(CLOCKS), 2):
            axes.axhspan(i - 0.5, i + 0.5, color="#f4f4f4", zorder=0)
        axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=4)
    words = {
        name: (f"{clock} {seconds(t)}" for clock, t in zip(CLOCKS, row, strict=True)) for name, row in times.items()
    }
    return Picture(drawn, "\n".join(f"{name}: {', '.join(parts)}" for name, parts in words.items()))


def clock_times(outcome: Outcome, q: Numeric) -> FloatArray:
    """The four clocks of one outcome at the quantile `q`, in s: accept, queue, gateway, end to end."""
    outcome = single(outcome)
    return np.array(
        [outcome.accept_quantile(q), outcome.wait_quantile(q), outcome.call_quantile(q), outcome.latency_quantile(q)]
    )
