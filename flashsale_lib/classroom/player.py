"""A drop to watch: the living diagram with a playhead, switches for its parts, and sliders for the design."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import ipywidgets as widgets

from ..model.demand import Demand
from ..model.drop import simulate
from ..model.outcome import Outcome
from ..model.scenario import Buyers, Design, PaymentGateway
from ..parameters import Parameter, ParameterError, parameter, parameters
from ..pictures.canvas import MimeBundle, mime_bundle, round_up
from ..pictures.diagram import SWITCHES, Diagram, can_switch, still, switched
from . import stage
from .controls import PRESETS, Board, Values, slider

SHOW_SECONDS = 40.0
"""How long the whole drop takes to play."""
FIELDS = [row.name for row in parameters("design")]


class Player(Board):
    """The diagram of one drop, to play and to change.

    Parameters
    ----------
    designs : the design to show, or several by name, which become buttons (`fs.controls.PRESETS`). The first one is
        the start, and what reset returns to.
    names : fields of `Design` that get a slider, by name, or as a `Parameter` with a slider of its own.
    demand, buyers, gateway : as in `simulate`.
    at : s, where the playhead stands at first; None for the moment when most buyers arrive.

    Moving the playhead looks up the same run; a slider, a switch or a preset plays the drop again and leaves the
    playhead where it is. Its text is the moment in words (so strict nbval compares the numbers); a front end without a
    kernel shows the picture.

    >>> player = Player(Design(), at=100)
    >>> player.set(off={"queue"})
    >>> player
    at 1 min 40 s: 283/s arrive and 285/s reload; the front door is partly open (no free worker) and lets in 86/s, \
turns away 482/s; there is no queue to wait in; all 150 workers busy; the gateway has 150 calls in flight (its best \
is 160), 1.7 s per call: near its best; 2 in the recovery queue. So far 18,447 arrived: 3,389 paid, 295 card \
declined, 8,912 turned away, 5,700 about to reload, 152 still inside.
    """

    def __init__(
        self,
        designs: Design | Mapping[str, Design] | None = None,
        *,
        names: Iterable[str | Parameter] = ("workers", "queue_limit", "admit_rate"),
        demand: Demand | None = None,
        buyers: Buyers | None = None,
        gateway: PaymentGateway | None = None,
        at: float | None = None,
    ) -> None:
        designs = PRESETS if designs is None else {"start": designs} if isinstance(designs, Design) else designs
        if not designs:
            raise ParameterError("no design to show: give one, or several by name")
        super().__init__(
            {name: {field: getattr(design, field) for field in FIELDS} for name, design in designs.items()}
        )
        self._scenario: dict[str, Any] = {"demand": demand, "buyers": buyers, "gateway": gateway}
        self.rows = {row.name: row for row in (parameter("design", n) if isinstance(n, str) else n for n in names)}
        self._known(self.rows)
        self.sliders = {
            name: slider(row, self._start[name], [p[name] for p in self.presets.values()])
            for name, row in self.rows.items()
        }
        self.switches = {part: _toggle(part) for part in SWITCHES}
        self.error = ""
        self._quiet = False
        self.outcome: Outcome = self._simulate()
        self.diagram = Diagram(self.outcome)
        self.playhead, self._play, self.play_button, self.start_button = self._transport(at)
        self.image, self.line = widgets.HTML(layout=widgets.Layout(width="100%", margin="0")), widgets.HTML()
        self.widget = self._layout()
        for control in (*self.sliders.values(), *self.switches.values()):
            control.observe(self._changed, names="value")
        self.playhead.observe(self._moved, names="value")
        self._play.observe(self._played, names="playing")
        stage.enter(self)
        self._update_switches()
        self._show()

    # --- controls -----------------------------------------------------------------------------------------------------

    def _transport(self, at: float | None) -> tuple[Any, Any, Any, Any]:
        """The playhead, in whole seconds (or in 100 steps of a window shorter than a minute), and what moves it."""
        time = self.outcome.time
        first, last = float(time[0]), float(time[-1])
        whole = last - first >= 60.0
        self._tick, self._zero = (1.0, 0.0) if whole else ((last - first) / 100.0, first)
        if at is None:
            at = round(float(time[self.outcome.arrivals.argmax()]))
            at = min(max(at, first), last)
        self.diagram.at(at)  # or an error that it is outside the window
        ends = {"min": math.ceil(first) if whole else 0, "max": math.floor(last) if whole else 100}
        step = max(1, round(round_up((last - first) / 900.0))) if whole else 1
        value = min(max(round((at - self._zero) / self._tick), ends["min"]), ends["max"])
        playhead = widgets.IntSlider(
            value=value, **ends, step=step, description="time (s)" if whole else "time (% of window)",
            tooltip="The playhead: arrow keys step through the drop", continuous_update=True,
            style={"description_width": "initial"}, layout=widgets.Layout(flex="1 1 20em", max_width="60em"),
        )  # fmt: skip
        frames = (ends["max"] - ends["min"]) / step
        play = widgets.Play(
            value=value, **ends, step=step, interval=max(20, round(1000.0 * SHOW_SECONDS / frames)),
            layout=widgets.Layout(display="none"),  # its own buttons have no names: a screen reader could not tell them
        )  # fmt: skip
        button = widgets.ToggleButton(
            description="Play", icon="play", tooltip="Play the drop, or pause it", layout=widgets.Layout(width="7em")
        )
        start = stage.button(
            "To the start", lambda: self.set(at=self._time(playhead.min)), "Move the playhead to the start of the drop",
            icon="fast-backward",
        )  # fmt: skip
        # Linked in the page: playing asks nothing of the kernel but frames.
        widgets.jslink((play, "value"), (playhead, "value"))
        widgets.jslink((play, "playing"), (button, "value"))
        return playhead, play, button, start

    def _layout(self) -> widgets.VBox:
        wrap = widgets.Layout(flex_flow="row wrap", align_items="center")
        reset = stage.button("reset", self.reset, "Back to the first design, with every part on", icon="undo")
        framed = stage.framed(self.image, width="100%", max_width="1500px")
        return widgets.VBox(
            [
                self._preset_row(
                    "Designs:", "Show the design", lambda name: self.set(self.presets[name], off=()), reset
                ),
                self._slider_grid("25em"),
                widgets.HBox([widgets.Label("Parts:"), *self.switches.values()], layout=wrap),
                widgets.HBox([self.play_button, self.start_button, self.playhead, self._play], layout=wrap),
                framed,
                self.line,
            ]
        )

    # --- what is set --------------------------------------------------------------------------------------------------

    @property
    def off(self) -> frozenset[str]:
        """The parts that are switched off."""
        return frozenset(part for part, toggle in self.switches.items() if not toggle.value)

    @property
    def design(self) -> Design:
        """The design that is played: the settings (`values`), without the parts that are switched off."""
        return switched(Design(**self.values), self.off)

    @property
    def at(self) -> float:
        """Where the playhead stands, in s."""
        return self._time(self.playhead.value)

    def _time(self, value: int) -> float:
        return min(self._zero + self._tick * value, float(self.outcome.time[-1]))

    def set(self, values: Values | None = None, *, off: Collection[str] | None = None, at: float | None = None) -> None:
        """Change settings, the parts that are off, and the moment (s), and draw once.

        A slider between two of its stops goes to the nearest. What is not named stays.
        """
        self._known(values or ())
        switched(Design(), off or ())  # or an error that there is no such part
        if at is not None:
            self.diagram.at(at)  # or an error that it is outside the window
        self._quiet = True
        try:
            self._put(values or {})
            for part, toggle in self.switches.items() if off is not None else ():
                toggle.value = part not in (off or ())
            if at is not None:
                self.playhead.value = round((at - self._zero) / self._tick)
        finally:
            self._quiet = False
        if values is None and off is None:
            self._moved()
        else:
            self._changed()

    def reset(self) -> None:
        """Back to the first design, with every part on; the playhead stays."""
        self.set(self._start, off=())

    # --- what happens -------------------------------------------------------------------------------------------------

    def _simulate(self) -> Outcome:
        return simulate(self.design, **self._scenario)

    def _changed(self, _: Any = None) -> None:
        """A slider, switch or preset: play the drop again."""
        if self._quiet:
            return
        try:
            self._update_switches()
            self.outcome = self._simulate()
            self.diagram = Diagram(self.outcome)
            self.error = ""
            self._show()
        except Exception as error:
            self._fail(error)

    def _moved(self, _: Any = None) -> None:
        """The playhead: another moment of the same run."""
        if self._quiet or self.error:
            return
        try:
            self._show()
        except Exception as error:
            self._fail(error)

    def _played(self, change: Any) -> None:
        playing = bool(change["new"])
        self.play_button.description, self.play_button.icon = ("Pause", "pause") if playing else ("Play", "play")
        self._moved()  # once it stands still, the moment is read out

    def _update_switches(self) -> None:
        """Say on each button whether its part is on, off or not there to be switched; sliders without effect rest."""
        design, off = Design(**self.values), self.off
        for part, toggle in self.switches.items():
            there = can_switch(switched(design, off - {part}), part)
            toggle.disabled = not there and toggle.value
            toggle.description = f"{part}: {'none' if toggle.disabled else 'on' if toggle.value else 'off'}"
            toggle.icon = "ban" if toggle.disabled else "check" if toggle.value else "times"
        resting = {field for part in off for field in SWITCHES[part]}
        for name, control in self.sliders.items():
            control.disabled = name in resting

    def _show(self) -> None:
        t = self.at
        self.image.value = f'<div style="min-width:720px">{self.diagram.svg(t)}</div>'
        self.image.layout.visibility = "visible"
        # While it plays, the words change all the time: nobody wants them read out. Standing still, they are.
        room = "min-height:clamp(5.8em, 20em - 30vw, 15em)"
        self.line.value = stage.status(self.diagram.text(t), live=not self._play.playing, style=room)

    def redraw(self) -> None:
        """Draw the moment again (see `fs.controls.presenter`); the diagram grows with the page, not with the mode."""
        if not self.error:
            self._show()

    def __repr__(self) -> str:
        return self.error or self.diagram.text(self.at)

    def _repr_mimebundle_(self, **kwargs: Any) -> MimeBundle:
        png = None if self.error else still(self.outcome, self.at).png()
        return mime_bundle(repr(self), png, **(self.widget._repr_mimebundle_(**kwargs) or {}))


def _toggle(part: str) -> widgets.ToggleButton:
    return widgets.ToggleButton(
        value=True, description=part, tooltip=f"Switch the {part} off, or on again", layout=widgets.Layout(width="12em")
    )
