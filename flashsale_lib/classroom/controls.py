"""Explorers: sliders, one picture that stays, a reading line and a table, around a pure computation."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Generic, TypeVar

import ipywidgets as widgets
import numpy as np

from ..model.demand import Demand
from ..model.drop import simulate
from ..model.outcome import Outcome
from ..model.scenario import Buyers, Design, PaymentGateway
from ..parameters import (
    HUGE,
    Parameter,
    ParameterError,
    Slider,
    UnknownParameterError,
    check,
    owned,
    parameter,
    parameters,
)
from ..pictures.canvas import LivePicture, MimeBundle, mime_bundle, presenting
from ..pictures.figures import DropPicture
from ..pictures.words import value
from . import stage
from .stage import presenter

__all__ = ["PRESETS", "Explorer", "choices", "drop_explorer", "knob", "nearest", "presenter", "slider", "switch"]

Values = dict[str, Any]
Result = TypeVar("Result")


def knob(
    name: str, unit: str, *, low: float, high: float, start: float, step: float = 1.0, log: bool = False,
    unlimited: bool = False, whole: bool = False, meaning: str = "",
) -> Parameter:  # fmt: skip
    """A parameter for a slider that no table knows: `name` in words or with underscores, `step` as in `Slider`.

    `whole` values only, on a log scale too, for what is counted.

    >>> knob("servers", "agents", low=1, high=100, start=20).label
    'servers (agents)'
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high and step > 0 and (low > 0 or not log)):
        raise ParameterError(
            f"slider {name!r} goes from {low:g} to {high:g} by {step:g}: low must be below high, the step above 0, and "
            "low above 0 on a log scale; mend the ends"
        )
    if not (low <= start <= high or (unlimited and start == math.inf)):
        raise ParameterError(f"slider {name!r} starts at {start:g}: must be from {low:g} to {high:g}; move the start")
    return Parameter(
        "notebook", name, "", unit, start, -HUGE, HUGE, meaning or name, Slider(low, high, step, log, unlimited),
        whole=whole, unlimited=unlimited,
    )  # fmt: skip


def choices(row: Parameter, extra: Iterable[float] = ()) -> list[float]:
    """The values a slider offers for a parameter, in order, with `extra` ones (those of the presets) among them.

    >>> choices(parameter("design", "attempts"))
    [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    """
    slider = row.slider
    if slider.log:
        decades = math.log10(slider.high / slider.low)
        grid = np.geomspace(slider.low, slider.high, round(decades * slider.step) + 1)
        # Two significant digits read well and stay distinct up to about 20 values per factor of ten.
        grid = np.array([float(f"{x:.2g}") for x in grid])
        grid = np.unique(np.round(grid)) if row.whole else grid
    else:
        grid = np.linspace(slider.low, slider.high, round((slider.high - slider.low) / slider.step) + 1)
    values = {round(float(x), 9) for x in grid} | {float(x) for x in extra if math.isfinite(x)}
    ends = [math.inf] if slider.unlimited or any(math.isinf(x) for x in extra) else []
    return sorted(values) + ends


def nearest(wanted: float, offered: list[float]) -> float:
    """The offered value next to the wanted one; infinity goes to the right-hand end.

    >>> nearest(157, [10, 150, 160, float("inf")]), nearest(float("inf"), [1, 2])
    (160, 2)
    """
    return offered[-1] if math.isinf(wanted) else min(offered, key=lambda x: abs(x - wanted))


def slider(row: Parameter, start: float, extra: Iterable[float] = ()) -> widgets.SelectionSlider:
    """A labelled slider for a parameter: arrow keys move it by one value, the read-out shows the value in words."""
    offered = choices(row, (*extra, start))
    return widgets.SelectionSlider(
        options=[(value(row, x), x) for x in offered],
        value=start,
        description=row.label,
        tooltip=f"{row.label}: {row.meaning}",
        continuous_update=True,
        style={"description_width": "14em"},
        layout=widgets.Layout(width="100%", max_width="42em"),
    )


def switch(row: Parameter, start: bool) -> widgets.Checkbox:
    """A labelled box to tick, for a parameter that is on or off."""
    return widgets.Checkbox(
        value=bool(start),
        description=row.label,
        tooltip=f"{row.label}: {row.meaning}",
        style={"description_width": "14em"},
        layout=widgets.Layout(width="100%", max_width="42em"),
    )


class Board:
    """What explorers and players share: presets by name, sliders, and the values that both together give."""

    error: str
    line: widgets.HTML
    image: widgets.DOMWidget
    rows: dict[str, Parameter]
    sliders: dict[str, Any]

    def __init__(self, presets: Mapping[str, Values]) -> None:
        self.presets = {name: dict(values) for name, values in presets.items()}
        self._start = next(iter(self.presets.values()))
        self._base = dict(self._start)

    @property
    def values(self) -> Values:
        """The present settings: the preset pressed last, with what the sliders say now."""
        return {**self._base, **{name: control.value for name, control in self.sliders.items()}}

    def _known(self, values: Iterable[str]) -> None:
        for name in values:
            if name not in self._base:
                raise UnknownParameterError(f"no setting {name!r}: use one of {', '.join(self._base)}")

    def _put(self, values: Values) -> None:
        """Take over settings. A slider between two of its stops goes to the nearest; what no slider may say is an error."""
        for name in values.keys() & self.rows.keys():
            check(self.rows[name], values[name])
        self._base.update(values)
        for name in values.keys() & self.sliders.keys():
            control, wanted = self.sliders[name], values[name]
            is_switch = isinstance(control, widgets.Checkbox)
            control.value = bool(wanted) if is_switch else nearest(wanted, [x for _, x in control.options])

    def _preset_row(self, label: str, tooltip: str, press: Callable[[str], None], *more: Any) -> widgets.HBox:
        """A button for each preset, where there is more than one, and what else belongs into that row."""
        names = self.presets if len(self.presets) > 1 else ()
        buttons = [stage.button(name, partial(press, name), f"{tooltip}: {name}") for name in names]
        told = [widgets.Label(label)] if buttons else []
        return widgets.HBox([*told, *buttons, *more], layout=widgets.Layout(flex_flow="row wrap", align_items="center"))

    def _slider_grid(self, narrow: str) -> widgets.GridBox:
        """The sliders side by side, as long as each has the width `narrow`."""
        columns = f"repeat(auto-fit, minmax(min({narrow}, 100%), 1fr))"
        layout = widgets.Layout(grid_template_columns=columns, width="100%")
        return widgets.GridBox(list(self.sliders.values()), layout=layout)

    def _fail(self, error: Exception) -> None:
        """A callback has nobody to raise to: say what went wrong where the learner looks."""
        self.error = f"These settings do not work: {error}"
        self.line.value = stage.alert(self.error)
        self.image.layout.visibility = "hidden"  # it shows other settings; its place stays


class Explorer(Board, Generic[Result]):
    """Sliders around a pure computation and one picture.

    Parameters
    ----------
    rows : the parameters that get a slider, from the parameter table (`fs.parameter`) or made with `knob`.
    compute : from the values of one preset, with what the sliders changed in it (a dict by parameter name), to any
        result. It must be pure and quick (some milliseconds); for a slow one take `fs.jobs.Job`.
    picture : from a result to the `LivePicture` that will show it and all later ones.
    presets : named settings, each a dict with a value per slider. Values without a slider stay as the preset pressed
        last has them. The first preset is the start, and what reset returns to. None: the defaults of the parameters.

    Its text is the reading line (so strict nbval compares the numbers); a front end without a kernel shows the picture.
    "pin" keeps the present result in the picture to compare later ones with.
    """

    def __init__(
        self,
        rows: Iterable[Parameter],
        compute: Callable[[Values], Result],
        picture: Callable[[Result], LivePicture[Result]],
        presets: Mapping[str, Values] | None = None,
    ) -> None:
        rows = list(rows)
        presets = presets or {"start": {row.name: row.default for row in rows}}
        _check(rows, presets)
        super().__init__(presets)
        self.compute = compute
        self.rows = {row.name: row for row in rows}
        self.sliders = {row.name: self._control(row) for row in rows}
        self.error = ""
        self.pinned: Result | None = None
        self._pinned_table: tuple[tuple[str, ...], ...] = ()
        self._draw = picture
        self.outcome = compute(self.values)
        self.picture = picture(self.outcome)
        self.image = widgets.Image(format="png", layout=widgets.Layout(width="100%", max_width="1100px"))
        self.line, self.pinned_line, self.table = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.pin_button = widgets.ToggleButton(
            description="pin", tooltip="Keep this result in sight, to compare with", icon="thumb-tack",
            layout=widgets.Layout(width="auto"),
        )  # fmt: skip
        self._quiet = False
        for control in self.sliders.values():
            control.observe(self._moved, names="value")
        self.pin_button.observe(lambda change: self.pin(change["new"]), names="value")
        reset = stage.button("reset", self.reset, "Back to where the sliders started", icon="undo")
        presets_row = self._preset_row(
            "Presets:", "Set the sliders to", lambda name: self.set(self.presets[name]), reset, self.pin_button
        )
        framed, folded = stage.framed(self.image), self._folded_table()
        self.widget = widgets.VBox(
            [presets_row, self._slider_grid("32em"), self.line, framed, self.pinned_line, folded]
        )
        stage.enter(self)
        self._show()

    def _control(self, row: Parameter) -> widgets.Widget:
        start = self._start[row.name]
        return switch(row, start) if row.flag else slider(row, start, [p[row.name] for p in self.presets.values()])

    def _folded_table(self) -> widgets.Widget:
        folded = widgets.Accordion(children=[self.table], selected_index=None)
        folded.set_title(0, "The same as numbers")
        return folded

    def set(self, values: Values) -> None:
        """Change several settings at once and draw once. A slider between two of its stops goes to the nearest."""
        self._known(values)
        self._quiet = True
        try:
            self._put(values)
        finally:
            self._quiet = False
        self._moved()

    def reset(self) -> None:
        """Back to the first preset, with nothing pinned."""
        self.pin(False)
        self.set(self._start)

    def pin(self, on: bool = True) -> None:
        """Keep the present result in sight, to compare later ones with; False: no longer."""
        if not on:
            self.pinned = None
        elif self.pinned is None and not self.error:
            self.pinned = self.outcome
            text = f"<b>Pinned:</b> {html.escape(self.picture.reading)}"
            self.pinned_line.value = f'<div class="flashsale-pinned">{text}</div>'
            self._pinned_table = self.picture.table
        if self.pinned is None:
            self.pinned_line.value, self._pinned_table = "", ()
        self.pin_button.value = self.pinned is not None
        self.picture.pin(self.pinned)
        if not self.error:
            self._show()

    def redraw(self) -> None:
        """Draw the picture from scratch, in the size that now holds (see `presenter`)."""
        self.picture = self._draw(self.outcome)
        self.image.layout.max_width = "1400px" if presenting() else "1100px"
        if self.pinned is not None:
            self.picture.pin(self.pinned)
        self._show()

    def _moved(self, _: Any = None) -> None:
        if self._quiet:
            return
        try:
            self.outcome = self.compute(self.values)
            self.picture.update(self.outcome)
            self.error = ""
            self._show()
        except Exception as error:
            self._fail(error)
            self.table.value = ""

    def _show(self) -> None:
        # The picture first: it is what the eye waits for, and what takes longest to travel.
        self.image.value = self.picture.png()
        self.image.layout.visibility = "visible"
        self.line.value = stage.status(self.picture.reading)
        self.table.value = stage.html_table(self.picture.table, self._pinned_table)

    def __repr__(self) -> str:
        return self.error or self.picture.reading

    def _repr_mimebundle_(self, **kwargs: Any) -> MimeBundle:
        return mime_bundle(repr(self), self.picture.png(), **(self.widget._repr_mimebundle_(**kwargs) or {}))


def _check(rows: list[Parameter], presets: Mapping[str, Values]) -> None:
    names = [row.name for row in rows]
    if len(set(names)) < len(names):
        raise ParameterError(f"two sliders of the same name among {', '.join(names)}: give each its own name")
    for title, values in presets.items():
        missing = [name for name in names if name not in values]
        if missing:
            raise ParameterError(f"preset {title!r} has no value for {', '.join(missing)}: give one for every slider")


OWNERS = {"design": Design, "buyers": Buyers, "gateway": PaymentGateway, "demand": Demand.drop}
"""What the settings of a drop belong to, and what is made from them."""


def drop_explorer(
    names: Iterable[str] = ("workers", "admit_rate", "admit_burst", "queue_limit", "attempts"),
    *,
    presets: Mapping[str, Design | Values] | None = None,
    demand: Demand | None = None,
    buyers: Buyers | None = None,
    gateway: PaymentGateway | None = None,
) -> Explorer[Outcome]:
    """An explorer of one drop: sliders for the named fields of `Design`, `Buyers`, `PaymentGateway` and `Demand.drop`.

    A preset is a `Design`, or a dict of settings that differ from the default world. What is passed as `demand`,
    `buyers` or `gateway` stays fixed, except for fields of buyers and gateway that have a slider or stand in a preset.

    >>> explorer = drop_explorer(["workers", "patience"])
    >>> explorer.set({"workers": 160, "patience": 120})
    >>> explorer.values["workers"]
    160.0
    """
    rows = [_row(name) for name in names]
    fixed: dict[str, Any] = {"buyers": buyers or Buyers(), "gateway": gateway or PaymentGateway()}
    given = {title: _settings(preset) for title, preset in (presets or PRESETS).items()}
    used = {name for values in given.values() for name in values} | {row.name for row in rows}
    base = {row.name: _present(row, fixed) for row in parameters("design")}
    base |= {name: _present(_row(name), fixed) for name in used}
    if demand is not None and any(_row(name).owner == "demand" for name in used):
        raise ParameterError("demand is given, and has sliders as well: leave out one of the two")

    owners = {name: _row(name).owner for name in base}

    def compute(values: Values) -> Outcome:
        parts: dict[str, Values] = {owner: {} for owner in OWNERS}
        for name, number in values.items():
            parts[owners[name]][name] = number
        return simulate(
            Design(**parts["design"]),
            demand=demand if demand is not None else Demand.drop(**parts["demand"]),
            buyers=replace(fixed["buyers"], **parts["buyers"]),
            gateway=replace(fixed["gateway"], **parts["gateway"]),
        )

    return Explorer(rows, compute, DropPicture, {title: {**base, **values} for title, values in given.items()})


def _row(name: str) -> Parameter:
    """The parameter of that name, whoever owns it."""
    return owned(name, OWNERS) or parameter("design", name)  # which raises, and says which names there are


def _present(row: Parameter, fixed: Mapping[str, Any]) -> Any:
    return getattr(fixed[row.owner], row.name) if row.owner in fixed else row.default


def _settings(preset: Design | Values) -> Values:
    if isinstance(preset, Design):
        return {row.name: getattr(preset, row.name) for row in parameters("design")}
    return dict(preset)


PRESETS: dict[str, Design] = {
    "naive": Design.naive(),
    "protected": Design(),
    "tight door": Design(admit_rate=80, queue_limit=500),
    "endless queue": Design.unlimited(workers=150),
    "480 workers": Design(workers=480),
    "over the cliff": Design.unlimited(workers=1000, admit_rate=90),
}
"""Settings worth comparing, by name."""
