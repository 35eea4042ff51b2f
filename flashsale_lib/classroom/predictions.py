"""Predictions that lock: a number, a choice, or a curve sketched by sliders. Later they are drawn over the truth.

A prediction counts once it is locked, and locks only once: running its cell again shows it locked. One that was never
locked stops nothing: `compare` and `reveal` then tell the truth alone. Notebooks reach all of this as `fs.exercises`.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import ipywidgets as widgets
import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes

from ..parameters import FloatArray, ParameterError
from ..pictures.canvas import BLUE, GREEN, GREY, INK, STYLE, MimeBundle, Picture, boxes, mime_bundle, new
from ..pictures.panels import name_near
from ..pictures.sheets import beside, plain, rows, sheet
from ..pictures.written import apart, gap, limits, number, one, points, readout
from .stage import dress, status

T = TypeVar("T")
LOCKED: dict[tuple[str, str], Any] = {}
"""What this kernel remembers, by kind and question, however often a cell runs; None for what is not locked yet."""

TRUTH: dict[str, Any] = {"color": GREEN, "linestyle": "-", "marker": "o", "markersize": 11}
YOURS: dict[str, Any] = {"color": BLUE, "linestyle": "--", "marker": "s", "markersize": 11, "markerfacecolor": "white"}
YOURS["markeredgewidth"] = 2.5
"""How pictures show what is, and what was predicted: told apart by line, marker and words as well as by colour."""


class Prediction(Generic[T]):
    """What every prediction shares: a question, inputs, a button that locks for good, and a line that says so.

    Where a slider happens to stand is nobody's guess: a press on the button with nothing moved first asks for a move.
    """

    noun = "guess"
    urge = "Move the slider to your own guess first. If it happens to stand there, press again."

    def __init__(self, question: str, inputs: Sequence[Any], *shown: Any) -> None:
        if not isinstance(question, str) or not question.strip():
            raise ParameterError(f"question {question!r}: must be a text; write what the learner is to predict")
        self.question, self._key = question, (type(self).__name__, question)
        LOCKED.setdefault(self._key, None)
        self._inputs, self._asked, self._chose = list(inputs), False, False
        self._first = self._read()
        for each in inputs:
            each.observe(self._late, names="value")
        self._button = widgets.Button(description=f"Lock my {self.noun}", button_style="primary", icon="lock")
        self._button.layout.width = "auto"
        self._button.on_click(lambda _: self._pressed())
        self._said = widgets.HTML(status("Not locked yet."), layout=widgets.Layout(flex="1 1 18em", min_width="0"))
        flow = widgets.Layout(flex_flow="row wrap", grid_gap="0 1em", align_items="baseline")
        title = widgets.HTML(f'<b style="font-size:115%">{html.escape(question)}</b>')
        self.widget = widgets.VBox([title, *shown, widgets.HBox([self._button, self._said], layout=flow)])
        dress(self.widget)
        if self.locked is not None:
            self._close(f"Locked before: {self._words(self.locked)}. The first {self.noun} counts.")

    @property
    def locked(self) -> T | None:
        """What was locked, and None until then."""
        value: T | None = LOCKED.get(self._key)
        return value

    def lock(self, value: T) -> None:
        """Commit to a value. Only the first time counts."""
        if self.locked is None:
            LOCKED[self._key] = self._checked(value)
        self._close(f"Locked: {self._words(LOCKED[self._key])}. Now run on.")

    def _pressed(self) -> None:
        value = self._read()
        if value is None or (value == self._first and not self._asked):
            self._asked, self._said.value = True, status(self.urge)
        else:
            self._chose = self.locked is None
            self.lock(value)

    def _late(self, _: Any) -> None:
        """A busy kernel may hear of a slider's last move after the press: no input moves once the press is heard."""
        if self._chose and self._read() != self.locked:
            LOCKED[self._key] = None
            self.lock(self._read())

    def _close(self, text: str) -> None:
        value = LOCKED[self._key]
        for slider, each in zip(self._inputs, value if len(self._inputs) > 1 else [value], strict=True):
            slider.value, slider.disabled = each, True
        self._button.disabled, self._said.value = True, status(text)

    def _read(self) -> Any:
        return self._inputs[0].value

    def _checked(self, value: T) -> T:
        raise NotImplementedError

    def _words(self, value: T) -> str:
        return str(value)

    def __repr__(self) -> str:
        return f"Prediction: {self.question}"

    def _repr_mimebundle_(self, **kwargs: Any) -> MimeBundle:
        return mime_bundle(repr(self), None, **(self.widget._repr_mimebundle_(**kwargs) or {}))


class Guess(Prediction[float]):
    """A number the learner commits to before the run: a slider and a button that locks it for good.

    `low`, `high` and `step` (a fiftieth to a hundredth of the range if left out) are in `unit`; `log=True` is for a
    range over several powers of ten. The slider starts in the middle: choose a range whose middle is not the answer.

    >>> guess = Guess("How many pay?", low=0, high=100, step=5, unit="buyers")
    >>> guess.lock(80)
    >>> print(guess.compare(20))
    You said 80 buyers. The run says 20 buyers: your guess is 4.0 times the real number.
    """

    def __init__(
        self, question: str, *, low: float, high: float, unit: str, step: float | None = None, log: bool = False
    ) -> None:
        self.unit, self.log = unit, log
        self.low, self.high, step, self.start = limits(low, high, step, log)
        scale, kind = (math.log10, widgets.FloatLogSlider) if log else (float, widgets.FloatSlider)
        self._slider = kind(
            value=self.start, min=scale(low), max=scale(high), step=step, readout_format=readout(step, log),
            description=f"My guess ({unit})", style={"description_width": "initial"},
            layout=widgets.Layout(width="100%", max_width="46em"),
        )  # fmt: skip
        super().__init__(question, [self._slider], self._slider)

    def _checked(self, value: float) -> float:
        if not self.low <= one("guess", value) <= self.high:
            raise ParameterError(f"guess {value!r}: must be from {self.low:g} to {self.high:g}; choose one there")
        return float(value)

    def _read(self) -> float:
        value = float(f"{(1 + 1e-12) * self._slider.value:{'.2g' if self.log else '.9g'}}")  # as the read-out rounds it
        return min(max(value, self.low), self.high)

    def _words(self, value: float) -> str:
        return f"{number(value)} {self.unit}".strip()

    def compare(self, truth: float) -> str:
        """The guess against the truth, in words."""
        truth = one("truth", truth)
        told = f"The run says {self._words(truth)}"
        if self.locked is None:
            return f"{told}. (No guess was locked.)"
        far = gap(self.locked, truth)
        return f"You said {self._words(self.locked)}. {told}{': ' * bool(far)}{far}."

    def reveal(
        self, truth: float, *, curve: tuple[Any, Any] | None = None, at: float | None = None, labels: Sequence[str] = ()
    ) -> Picture:
        """Guess and truth as a picture: on an axis, or on a `curve` (x, y) with two `labels` for its axes.

        The number asked for is an x of the curve; or, when `at` gives the x, the y there.
        """
        words, truth, mine = self.compare(truth), one("truth", truth), self.locked
        told = [("the run", truth, TRUTH)] + ([("you", mine, YOURS)] if mine is not None else [])
        with rc_context(STYLE):
            note = gap(mine, truth) if mine is not None else ""
            page, axes = sheet(1.3 + 0.6 * len(told) if curve is None else 4.4, self.question, note)
            if curve is None:
                self._on_an_axis(axes, told)
            else:
                self._on_a_curve(axes, told, points(*curve), at, labels)
        return Picture(page, words)

    def _on_an_axis(self, axes: Axes, told: list[tuple[str, float, dict[str, Any]]]) -> None:
        """A row each for the run and for the guess, above the values of the slider."""
        ends = [self.low, self.high, *(x for _, x, _ in told if math.isfinite(x) and (x > 0 or not self.log))]
        axes.set(xscale="log" if self.log else "linear", xlim=(min(ends), max(ends)))
        axes.set(ylim=(-0.5, len(told) - 0.5), yticks=range(len(told)), xlabel=self.unit + " (log scale)" * self.log)
        plain(axes)
        for row, (_, value, style) in enumerate(told):
            x = max(value, axes.get_xlim()[0])  # a log scale has no zero: its left end stands for it
            axes.plot([x, x], [-0.5, row], **{**style, "marker": "", "linewidth": 1.5})
            if math.isfinite(value):
                axes.plot([x], [row], **style, clip_on=False, zorder=5)
                beside(axes, x, row, self._words(value), 0)
        axes.set_yticklabels([name for name, *_ in told])

    def _on_a_curve(
        self,
        axes: Axes,
        told: list[tuple[str, float, dict[str, Any]]],
        known: tuple[FloatArray, FloatArray],
        at: float | None,
        labels: Sequence[str],
    ) -> None:
        """Run and guess as two marks: on the curve, or above its place `at`."""
        xlabel, ylabel = labels or ((self.unit, "") if at is None else ("", self.unit))
        axes.plot(*known, color=GREY)
        axes.margins(0.04, 0.25)
        axes.set(xlabel=xlabel, ylabel=ylabel)
        plain(axes)
        seen: dict[str, tuple[float, float]] = {}
        for name, value, style in told:
            if math.isfinite(value):
                place = (value, float(np.interp(value, *known))) if at is None else (at, value)
                axes.plot([place[0]], [place[1]], **style, clip_on=False, zorder=5)
                seen[f"{name}: {self._words(value)}"] = place
        if not seen:
            return
        axes.autoscale_view()
        if axes.get_xlim()[0] < 0 <= min([known[0].min(), *(x for x, _ in seen.values())]):
            axes.set_xlim(left=0)
        from_zero = at is not None and self.low == 0  # what was asked for, on its whole axis
        if (from_zero or axes.get_ylim()[0] < 0) and min([known[1].min(), *(y for _, y in seen.values())]) >= 0:
            axes.set_ylim(bottom=0)
        grid, marks = np.linspace(known[0].min(), known[0].max(), 300), np.array([*seen.values()])
        taken = boxes(axes, grid, np.interp(grid, *known)) + 4 * boxes(axes, marks[:, 0], marks[:, 1], half=8.0)
        for text, place in seen.items():
            name_near(axes, text, place, taken, away=9.0)


class Choice(Prediction[str]):
    """One of two to five answers, chosen before the run.

    `options` are the answers; or a dict that gives each the feedback for who chooses it. That dict stands in plain sight
    of the learner, who may read it first: better give the feedback to `compare` or `reveal`, after the run.

    >>> choice = Choice("Twice the workers: the queue gets ...", ["shorter", "longer"])
    >>> choice.lock("shorter")
    >>> print(choice.compare("longer", {"shorter": "Workers are calls in flight, too."}))
    You said: shorter. The run says: longer. Workers are calls in flight, too.
    """

    noun = "choice"
    urge = "Choose one of the answers first."

    def __init__(self, question: str, options: Sequence[str] | Mapping[str, str]) -> None:
        self.options = [] if isinstance(options, str) else list(options)
        texts = {each for each in self.options if isinstance(each, str) and each.strip()}
        if not 2 <= len(texts) == len(self.options) <= 5:
            raise ParameterError(f"options {options!r}: must be 2 to 5 different texts; pass a list of them")
        self.feedback = dict(options) if isinstance(options, Mapping) else {}
        self._radio = widgets.RadioButtons(options=self.options, value=None, layout=widgets.Layout(width="100%"))
        super().__init__(question, [self._radio], self._radio)

    def _checked(self, value: str) -> str:
        if value not in self.options:
            raise ParameterError(f"choice {value!r}: must be one of {', '.join(map(repr, self.options))}")
        return value

    def compare(self, truth: str, feedback: Mapping[str, str] | None = None) -> str:
        """The choice against the truth, and the feedback for who chose so."""
        told = {**self.feedback, **(feedback or {})}
        for each in (truth, *told):
            self._checked(each)
        if self.locked is None:
            return f"The run says: {truth}. (No choice was locked.)"
        verdict = "And so it is." if self.locked == truth else f"The run says: {truth}."
        return f"You said: {self.locked}. {verdict} {told.get(self.locked, '')}".rstrip()

    def reveal(
        self, truth: str, feedback: Mapping[str, str] | None = None, *, values: Any = (), unit: str = ""
    ) -> Picture:
        """Choice and truth as a picture. `values` may give each option a number in `unit`: bars that long."""
        words, sizes = self.compare(truth, feedback), {option: one(option, x) for option, x in dict(values).items()}
        notes: dict[str, list[str]] = {}
        for option in self.options:
            size = [f"{number(sizes[option])} {unit}".strip()] if option in sizes else []
            notes[option] = size + ["the run"] * (option == truth) + ["your choice"] * (option == self.locked)
        return Picture(rows(self.question, notes, sizes, truth, self.locked), words)


class Sketch(Prediction[tuple[float, ...]]):
    """A curve drawn before the run, by one slider for each of five to nine places `x`, with a picture that follows.

    `low`, `high` and `step` are in `unit`, `x` in `x_unit`. All sliders start in the middle: a flat line.

    >>> sketch = Sketch("How long is the queue?", [0, 100, 200, 300, 400], low=0, high=20, unit="buyers")
    >>> sketch.lock((0, 20, 10, 0, 0))
    >>> print(sketch.compare([0, 200, 400], [0, 20, 0]))
    Your curve is off by 6.25 buyers on average, most at 100 s: you drew 20, the run has 10. \
You put the top at 100 s, the run has it at 200 s.
    """

    noun = "curve"
    urge = "Move the sliders to draw your own curve first. If you mean a flat line, press again."

    def __init__(
        self, question: str, x: Any, *, low: float, high: float, unit: str, step: float | None = None, x_unit: str = "s"
    ) -> None:
        self.x, self.unit, self.x_unit = points(x, x)[0], unit, x_unit
        if not 5 <= self.x.size <= 9:
            raise ParameterError(f"x of {self.x.size} finite places: must be 5 to 9; take those where the curve bends")
        self.low, self.high, step, start = limits(low, high, step, False)
        middles = (self.x[1:] + self.x[:-1]) / 2
        edges = np.array([2 * self.x[0] - middles[0], *middles, 2 * self.x[-1] - middles[-1]])
        sliders = [
            widgets.FloatSlider(
                value=start, min=low, max=high, step=step, orientation="vertical", readout_format=readout(step, False),
                description=f"{number(place)} {x_unit}",
                layout=widgets.Layout(width="auto", height="13em", min_width="3em", flex=f"{share:.6g} 1 0"),
            )
            for place, share in zip(self.x, np.diff(edges) / np.ptp(edges), strict=True)
        ]  # fmt: skip
        with rc_context(STYLE):
            self.preview = Picture(new(7.4, 2.3), "")
            axes = self.preview.figure.add_axes((0.12, 0.15, 0.86, 0.7))
            axes.set_title(unit, fontsize=12, fontweight="normal")
            (self._curve,) = axes.plot(self.x, [start] * len(sliders), **YOURS)
            axes.set(xlim=(edges[0], edges[-1]), xticks=self.x)  # each point above its slider
            axes.set_ylim(low - 0.07 * (high - low), high + 0.07 * (high - low))
            plain(axes)
        self._image = widgets.Image(value=self.preview.png(), format="png", layout=widgets.Layout(width="100%"))
        board = widgets.HBox(sliders, layout=widgets.Layout(width="100%", padding="0 2% 0 12%"))
        both = widgets.VBox([self._image, board], layout=widgets.Layout(width="100%", max_width="46em"))
        super().__init__(question, sliders, both)
        for each in sliders:
            each.observe(self._draw, names="value")

    def _read(self) -> tuple[float, ...]:
        return tuple(float(f"{each.value:.9g}") for each in self._inputs)  # browsers answer 17000.000000000004

    def _draw(self, _: Any) -> None:
        drawn = self._read()
        if not np.array_equal(drawn, self._curve.get_ydata()):
            self._curve.set_ydata(drawn)
            self._image.value = self.preview.png()
            self._said.value = status(f"So far: {self._words(drawn)}. Not locked yet.", live=False)

    def _checked(self, value: tuple[float, ...]) -> tuple[float, ...]:
        drawn = tuple(one("point", each) for each in value)
        if len(drawn) != self.x.size or not all(self.low <= each <= self.high for each in drawn):
            raise ParameterError(f"curve {value!r}: must be {self.x.size} numbers from {self.low:g} to {self.high:g}")
        return drawn

    def _words(self, value: tuple[float, ...]) -> str:
        return f"{', '.join(map(number, value))} {self.unit}".rstrip()

    def compare(self, x: Any, y: Any) -> str:
        """The drawn curve against the run's (x, y), where both are known, in words."""
        return self.reveal(x, y).reading

    def reveal(self, x: Any, y: Any) -> Picture:
        """The drawn curve over the run's (x, y), with the place where they are furthest apart."""
        x, y = points(x, y)
        grid = np.union1d([*x, *self.x], np.linspace(self.x[0], self.x[-1], 401))
        grid = grid[(grid >= max(self.x[0], *x[:1])) & (grid <= min(self.x[-1], *x[-1:]))] if x.size else x
        words = "The run has no curve here."
        with rc_context(STYLE):
            page, axes = sheet(4.2, self.question, bottom=0.62)
            if grid.size:
                run = np.interp(grid, x, y)
                axes.plot(grid, run, color=GREEN, linewidth=3)
                words = self._against(axes, grid, run)
            axes.set(xlabel="time (s)" if self.x_unit == "s" else self.x_unit, ylabel=self.unit)
            plain(axes)
        return Picture(page, words)

    def _against(self, axes: Any, grid: FloatArray, run: FloatArray) -> str:
        top, seen = float(grid[run.argmax()]), [*run, *(self.locked or ())]
        axes.set_ylim(min(seen) - 0.06 * np.ptp(seen), max(seen) + 0.2 * (np.ptp(seen) or 1))
        beside(axes, top, run.max(), "the run", 14)
        if self.locked is None:
            return f"The run is highest at {number(top)} {self.x_unit}: {number(run.max())} {self.unit}. (No curve was locked.)"
        axes.plot(self.x, self.locked, **YOURS, clip_on=False)
        beside(axes, self.x[int(np.argmax(self.locked))], max(self.locked), "you", 14)
        words, (place, mine, true) = apart(self.x, self.locked, grid, run, self.unit, self.x_unit)
        axes.plot([place, place], [mine, true], color=INK, linestyle=":")
        beside(axes, place, (mine + true) / 2, f"{number(abs(mine - true))} apart", 0)
        return words
