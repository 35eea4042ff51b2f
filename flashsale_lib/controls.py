"""Explorers: sliders, one picture that stays, a reading line and a table, around a pure computation."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import ipywidgets as widgets
import numpy as np

from .canvas import LivePicture
from .demand import Demand
from .drop import simulate
from .figures import FATES, DropPicture, fates
from .outcome import Outcome
from .parameters import Parameter, UnknownParameterError, parameter, parameters
from .scenario import Buyers, Design, PaymentGateway
from .words import count, share, value

Values = dict[str, Any]
READING = "font-size:115%;line-height:1.45;min-height:2.9em"
"""Style of the reading line: room for two lines, so that nothing below it jumps."""


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
        style={"description_width": "12em"},
        layout=widgets.Layout(width="100%", max_width="42em"),
    )


def _button(text: str, tooltip: str, icon: str = "") -> widgets.Button:
    return widgets.Button(description=text, tooltip=tooltip, icon=icon, layout=widgets.Layout(width="auto"))


class Explorer:
    """Sliders around a pure computation and one picture.

    Parameters
    ----------
    rows : the parameters that get a slider.
    compute : from the values of one preset, with what the sliders changed in it (a dict by parameter name), to an
        `Outcome`. It must be pure and quick.
    picture : from an outcome to the `LivePicture` that will show it and all later ones.
    presets : named settings, each a dict with a value per slider. Values without a slider stay as the preset pressed
        last has them. The first preset is the start, and what reset returns to.

    Its text is the reading line (so strict nbval compares the numbers); a front end without a kernel shows the picture.
    """

    def __init__(
        self,
        rows: Iterable[Parameter],
        compute: Callable[[Values], Outcome],
        picture: Callable[[Outcome], LivePicture[Outcome]],
        presets: Mapping[str, Values],
    ) -> None:
        self.compute = compute
        self.presets = {name: dict(values) for name, values in presets.items()}
        self._start = next(iter(self.presets.values()))
        self._base = dict(self._start)
        self.sliders = {
            row.name: slider(row, self._start[row.name], [p[row.name] for p in self.presets.values()]) for row in rows
        }
        self.error = ""
        self.outcome = compute(self.values)
        self.picture = picture(self.outcome)
        self.image = widgets.Image(format="png", layout=widgets.Layout(width="100%", max_width="1100px"))
        self.line = widgets.HTML()
        self.table = widgets.HTML()
        self._quiet = False
        for control in self.sliders.values():
            control.observe(self._moved, names="value")
        self.widget = widgets.VBox(
            [self._preset_row(), self._slider_grid(), self.line, self.image, self._folded_table()]
        )
        self._show()

    def _preset_row(self) -> widgets.Widget:
        buttons = []
        for name in self.presets:
            button = _button(name, f"Set the sliders to: {name}")
            button.on_click(lambda _, name=name: self.set(self.presets[name]))
            buttons.append(button)
        reset = _button("reset", "Back to where the sliders started", icon="undo")
        reset.on_click(lambda _: self.reset())
        return widgets.HBox([widgets.Label("Presets:"), *buttons, reset], layout=widgets.Layout(flex_flow="row wrap"))

    def _slider_grid(self) -> widgets.Widget:
        columns = "repeat(auto-fit, minmax(min(32em, 100%), 1fr))"
        return widgets.GridBox(
            list(self.sliders.values()), layout=widgets.Layout(grid_template_columns=columns, width="100%")
        )

    def _folded_table(self) -> widgets.Widget:
        folded = widgets.Accordion(children=[self.table], selected_index=None)
        folded.set_title(0, "The same as numbers")
        return folded

    @property
    def values(self) -> Values:
        """The present settings: the preset pressed last, with what the sliders say now."""
        return {**self._base, **{name: control.value for name, control in self.sliders.items()}}

    def set(self, values: Values) -> None:
        """Change several settings at once and draw once. A slider between two of its stops goes to the nearest."""
        for name in values:
            if name not in self._base:
                raise UnknownParameterError(f"no setting {name!r}: use one of {', '.join(self._base)}")
        self._base.update(values)
        self._quiet = True
        try:
            for name in values.keys() & self.sliders.keys():
                control = self.sliders[name]
                control.value = nearest(values[name], [x for _, x in control.options])
        finally:
            self._quiet = False
        self._moved()

    def reset(self) -> None:
        """Back to the first preset."""
        self.set(self._start)

    def _moved(self, _: Any = None) -> None:
        if self._quiet:
            return
        # A callback has nobody to raise to: say what went wrong where the learner looks.
        try:
            self.outcome = self.compute(self.values)
            self.picture.update(self.outcome)
            self.error = ""
            self._show()
        except Exception as error:
            self.error = f"These settings do not work: {error}"
            self.line.value = f'<b role="alert">{html.escape(self.error)}</b>'
            self.image.layout.visibility = "hidden"  # it shows other settings; its place stays
            self.table.value = ""

    def _show(self) -> None:
        text = html.escape(self.picture.reading)
        self.image.value = self.picture.png()
        self.image.layout.visibility = "visible"
        self.line.value = f'<div role="status" aria-live="polite" style="{READING}">{text}</div>'
        self.table.value = ledger_table(self.outcome)

    def __repr__(self) -> str:
        return self.error or self.picture.reading

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = dict(self.widget._repr_mimebundle_(**kwargs) or {})
        return {**bundle, "text/plain": repr(self), "image/png": self.picture.png()}


def ledger_table(outcome: Outcome) -> str:
    """The ledger of one outcome as an HTML table, for screen readers and for those who prefer numbers."""
    rows = "".join(
        f"<tr><th scope='row' style='text-align:left'>{FATES[name][0]}</th><td style='text-align:right'>{count(buyers)}</td>"
        f"<td style='text-align:right'>{share(buyers, outcome.arrived)}</td></tr>"
        for name, buyers in fates(outcome).items()
    )
    head = "<tr><th scope='col' style='text-align:left'>buyers who ...</th><th scope='col'>number</th><th scope='col'>share</th></tr>"
    return f"<table>{head}{rows}</table>"


def drop_explorer(
    names: Iterable[str] = ("workers", "admit_rate", "admit_burst", "queue_limit", "attempts"),
    *,
    presets: Mapping[str, Design] | None = None,
    demand: Demand | None = None,
    buyers: Buyers | None = None,
    gateway: PaymentGateway | None = None,
) -> Explorer:
    """An explorer of one drop: sliders for the named fields of `Design`, the rest as in the preset pressed last.

    >>> explorer = drop_explorer()
    >>> explorer.set({"workers": 160})
    >>> explorer.values["workers"]
    160.0
    """
    presets = presets or PRESETS
    fields = [row.name for row in parameters("design")]
    return Explorer(
        [parameter("design", name) for name in names],
        lambda values: simulate(Design(**values), demand=demand, buyers=buyers, gateway=gateway),
        DropPicture,
        {name: {field: getattr(design, field) for field in fields} for name, design in presets.items()},
    )


PRESETS: dict[str, Design] = {
    "naive": Design.naive(),
    "protected": Design(),
    "tight door": Design(admit_rate=80, queue_limit=500),
    "endless queue": Design.unlimited(workers=150),
    "480 workers": Design(workers=480),
    "over the cliff": Design.unlimited(workers=1000, admit_rate=90),
}
"""Settings worth comparing, by name."""
