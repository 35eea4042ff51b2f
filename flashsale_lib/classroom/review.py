"""The kata's board: rehearse a design on the drop, commit it at 12:00, see it through five days, and write it up."""

from __future__ import annotations

import base64
import html
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from typing import Any

import ipywidgets as widgets

from ..decisions import kata
from ..decisions.cost import cost_per_order
from ..decisions.scorecard import score
from ..model.outcome import Outcome
from ..model.scenario import Design
from ..parameters import ParameterError, UnknownParameterError, parameter
from ..pictures.canvas import Picture
from ..pictures.charts import pareto
from ..pictures.sheets import rows
from ..pictures.words import count
from . import stage
from .controls import Values
from .exercises import SOLVED, Exercise
from .jobs import Job, Progress
from .memo import REASONS, TITLES, bound, chance, lost, memo, said, survivals, told, verdict
from .player import Player

STARTS = {
    "naive": replace(Design.naive(), attempts=2, door_servers=16),
    "timid": Design.unlimited(workers=40, attempts=2, door_servers=16),
}
"""Where a learner may start: neither is the answer. 2 attempts and 16 door servers do on the planned day, not on others."""
DESIGNS = 10_000
PAST_NOON = "It is past 12:00: nothing can be changed any more. A new attempt starts before 12:00 again."


class Review(Player):
    """The board of the kata: a `Player` of the drop, with a live scorecard, that can be committed once.

    Before 12:00 every slider and switch plays the drop again, and the scorecard says which targets it meets. `commit`
    locks all of it and plays the five days of `fs.kata` with the design untouched; only then it shows a map of random
    designs, the odds, and the memo; and our own designs once one has survived all days. `again` starts a new attempt.

    Its text is the verdict (strict nbval compares it); a front end without a kernel shows the picture of the drop.

    >>> board = Review()
    >>> board
    Attempt 1, before 12:00. On the drop, 2 of 7 targets are met: 4,634 of 33,550 buyers pay.
    >>> board.set({"workers": 130, "max_wait": 75, "attempts": 3, "door_servers": 24})
    >>> board.commit()
    >>> board
    Attempt 1, past 12:00. Survived 5 of 5 days.
    """

    def __init__(self, seed: int = 0) -> None:
        self.attempt, self.seed = 1, seed
        self.committed: Design | None = None
        self.result: Any = None
        self._scored: Outcome | None = None
        self._scores: Any = None
        self.card, self.days, self.state = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.references, self.paper = widgets.HTML(), widgets.HTML()
        self.commit_button = stage.button(
            "12:00: commit this design", self._pressed_commit, "Lock it and play the five days", "lock"
        )
        self.again_button = stage.button(
            "a new attempt", self._pressed_again, "Unlock, with the design as it is", "undo"
        )
        self.again_button.disabled = True
        self.reveal_button = stage.button(
            "give up: show three designs of ours", self._pressed_reveal, "They say what survives", "eye"
        )
        self.map = Job(self._survey, self._map, label=f"Play {DESIGNS:,} random designs")
        self.odds = Job(self._odds, self._odds_picture, label="How likely is it to hold?")
        self.reasons = {
            key: widgets.Textarea(
                description=question, placeholder="because ...", style={"description_width": "24em"},
                layout=widgets.Layout(width="calc(100% - 4px)", max_width="70em"),
            )
            for key, question in REASONS.items()
        }  # fmt: skip
        for box in self.reasons.values():
            box.observe(self._write, names="value")
        knobs = [replace(parameter("design", name), slider=slider) for name, slider in kata.SLIDERS.items()]
        super().__init__(STARTS, names=knobs)

    def _layout(self) -> widgets.VBox:
        board = super()._layout()
        wrap = widgets.Layout(flex_flow="row wrap", align_items="center")
        self.afterwards = widgets.VBox(
            [
                _head("Three designs of ours"), self.reveal_button, self.references,
                _head("Your design among random ones"), self.map.widget,
                _head("If turnout and gateway are not as planned"), self.odds.widget,
                _head("Your design memo"), *self.reasons.values(), self.paper,
            ],
            layout=widgets.Layout(display="none"),
        )  # fmt: skip
        presets, sliders, parts, *drop = board.children
        noon = widgets.HBox([self.commit_button, self.again_button], layout=wrap)
        board.children = (presets, sliders, parts, self.card, noon, self.state, self.days, *drop, self.afterwards)
        return board

    # --- before and after 12:00 -------------------------------------------------------------------------------------------

    def commit(self) -> None:
        """It is 12:00: lock the design and play the five days. Pressing again changes nothing."""
        if self.committed is not None:
            self._tell(PAST_NOON)
            return
        if self.error:
            self._tell(f"Not committed. {self.error}")
            return
        self.committed = self.design
        self.result = kata.judge(self.committed)
        self._lock(True)
        self.days.value = f"<b>Attempt {self.attempt}</b>{days_table(self.result)}"
        if self.result.met.all():
            self.reveal()
        self.afterwards.layout.display = ""
        self.odds.clear()
        self._write()
        self._tell()
        self.map.redraw()  # the designs of an earlier attempt, with the point of this one

    def reveal(self) -> None:
        """Show our designs: of itself once a design has survived all days, before that when asked to."""
        self.references.value = references_table()
        self.reveal_button.layout.display = "none"

    def _pressed_reveal(self) -> None:
        self.reveal()
        self.map.button.focus()

    def _pressed_commit(self) -> None:
        """A button that is disabled loses the focus: hand it on to its neighbour, for those without a mouse."""
        self.commit()
        if self.committed is not None:
            self.again_button.focus()

    def _pressed_again(self) -> None:
        self.again()
        self.commit_button.focus()

    def again(self) -> None:
        """A new attempt, from the design as it is."""
        if self.committed is None:
            return
        self.map.cancel()
        self.odds.cancel()
        self.attempt += 1
        self.committed, self.result = None, None
        self.afterwards.layout.display = "none"  # what the days gave stays in sight: the next attempt starts from it
        self._lock(False)
        self._tell()

    def set(self, values: Values | None = None, *, off: Collection[str] | None = None, at: float | None = None) -> None:
        """As in `Player`, but for the knobs of the kata only; past 12:00 only the playhead moves, all else is refused."""
        if self.committed is not None and (values is not None or off is not None):
            raise ParameterError(PAST_NOON)
        # A preset names every field: what stays as it is at the start is no attempt to set it.
        asked = (values or {}).items()
        other = [name for name, value in asked if name not in kata.KNOBS and value != self._start.get(name)]
        if other:
            raise UnknownParameterError(
                f"{', '.join(other)} cannot be set in the kata: use one of {', '.join(kata.KNOBS)}"
            )
        super().set(values, off=off, at=at)

    def _changed(self, change: Any = None) -> None:
        if self.committed is None:
            super()._changed(change)
        elif not self._quiet and change is not None:
            self._quiet = True  # a slider moved from code: put it back
            try:
                change["owner"].value = change["old"]
            finally:
                self._quiet = False
            self._tell(PAST_NOON)

    def _lock(self, on: bool) -> None:
        presets = [each for each in self.widget.children[0].children if isinstance(each, widgets.Button)]
        for control in (*self.sliders.values(), *self.switches.values(), *presets, self.commit_button):
            control.disabled = on
        self.again_button.disabled = not on
        if not on:
            self._update_switches()

    # --- what is shown ----------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        super()._show()
        if self._scored is not self.outcome:
            self._scored = self.outcome
            self._scores = score(self.outcome, kata.TARGETS)
            self.card.value = scorecard_table(self._scores)
            self._tell()

    def _tell(self, more: str = "") -> None:
        self.state.value = stage.status(f"{self._verdict(brief=True)} {more}".strip())

    def _verdict(self, *, brief: bool = False) -> str:
        if self.result is not None:
            return f"Attempt {self.attempt}, past 12:00. {(in_short if brief else verdict)(self.result)}"
        met = self._scores.met
        return (
            f"Attempt {self.attempt}, before 12:00. On the drop, {met.sum()} of {len(met)} targets are met: "
            f"{count(self.outcome.paid)} of {count(self.outcome.arrived)} buyers pay."
        )

    def __repr__(self) -> str:
        return self.error or self._verdict()

    # --- afterwards -------------------------------------------------------------------------------------------------------

    def _survey(self, progress: Progress) -> Any:
        with ThreadPoolExecutor(2) as pool:
            return kata.survey(kata.draw(DESIGNS, self.seed), progress=progress, executor=pool)

    def _map(self, table: Any) -> Picture:
        mine = (100 * float(cost_per_order(self.outcome)), float(self.outcome.paid)) if self.outcome.paid > 0 else None
        return pareto(
            100 * table.cost_per_order, table.paid, ok=table.all_met, you=mine, log_x=True,
            xlabel="running cost per order (cents)",
        )  # fmt: skip

    def _odds(self, progress: Progress) -> Any:
        return kata.odds(self.committed or self.design, progress=progress)

    def _odds_picture(self, table: Any) -> Picture:
        self._write()
        return odds_picture(table)

    def _write(self, _: Any = None) -> None:
        """The memo again, with what is known now."""
        if self.committed is None or self.result is None:
            return
        answers = {key: box.value for key, box in self.reasons.items()}
        self.memo = memo(self.committed, self.outcome, self.result, answers, self.odds.result, self.attempt)
        self.paper.value = download(self.memo, "design-memo.md")


class DesignExercise(Exercise):
    """An open exercise: any design is right that survives all five days. It says which day another one fails, and why.

    >>> exercise = DesignExercise("five days")
    >>> exercise.check(None)
    five days: not answered yet. Put your design, like fs.Design(workers=150), in place of None.
    >>> exercise.check(Design(workers=130, max_wait=75))
    five days: right. Survived 5 of 5 days.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, verdicts={})

    def verdict(self, answer: Any) -> str:
        if answer is None or answer is ...:
            return "not answered yet. Put your design, like fs.Design(workers=150), in place of None."
        if not isinstance(answer, Design):
            return f"not a design but of type {type(answer).__name__}. Write fs.Design(...) with your settings in the brackets."
        try:
            result = kata.judge(answer)
        except ParameterError as error:
            return f"not yet. {error}"
        if not result.met.all():
            return f"not yet. {verdict(result)}"
        self.solved = SOLVED[self.name] = True
        return f"right. {verdict(result)}"


def _head(text: str) -> widgets.HTML:
    return widgets.HTML(f"<h4>{html.escape(text)}</h4>")


def scorecard_table(card: Any) -> str:
    """The live scorecard: for each target what the drop gave, what is allowed, and met or missed in words."""
    lines: list[Any] = list(card.itertuples())
    return stage.html_table(
        (
            ("", *(TITLES[r.target] for r in lines)),
            ("on the drop", *(told(r.target, r.measured, r.limit, r.met) for r in lines)),
            ("allowed", *(bound(r.target, r.limit) for r in lines)),
            ("so far", *("✓ met" if r.met else "✗ missed" for r in lines)),
        )
    )


def days_table(result: Any) -> str:
    """What each day gave, a row per day; what was missed carries its limit."""
    table: list[tuple[str, ...]] = [("day", "", *TITLES.values())]
    for name in kata.SCENARIOS:
        day = result[result.scenario == name]
        cells = [
            f"✓ {said(r.target, r.measured)}"
            if r.met
            else f"✗ {told(r.target, r.measured, r.limit, False)} ({bound(r.target, r.limit)})"
            for r in day.itertuples()
        ]
        table.append((name, "survived" if day.met.all() else "failed", *cells))
    stories = "".join(f"<li><b>{html.escape(n)}</b>: {html.escape(s.story)}</li>" for n, s in kata.SCENARIOS.items())
    return f"{stage.html_table(tuple(table))}<ul>{stories}</ul>"


def in_short(result: Any) -> str:
    """How many days were survived, and the names of the others; what they missed stands in the table."""
    failed = ", ".join(lost(result))
    return f"{survivals(result)} Failed: {failed}. The table says why." if failed else survivals(result)


@cache
def references_table() -> str:
    """Our three designs: what they set, how many days they survive, what they sell, and why."""
    table: list[tuple[str, ...]] = [("design", "days survived", "orders on the drop", "cost per order", "why")]
    for name, (design, why) in kata.REFERENCES.items():
        drop, days = kata.play(design, kata.SCENARIOS["the drop"]), kata.survived(design)
        cents = 100 * float(cost_per_order(drop))
        table.append((name, f"{sum(days.values())} of {len(days)}", count(drop.paid), f"{cents:.2g} cents", why))
    return f'<div class="flashsale-prose">{stage.html_table(tuple(table))}</div>'


def odds_picture(table: Any) -> Picture:
    """The probability that each target holds, as bars."""
    titles = {**TITLES, "all of them": "all of them"}
    likely = {titles[r.target]: float(r.probability) for r in table.itertuples()}
    notes = {name: [chance(p)] for name, p in likely.items()}
    words = ", ".join(f"{name} {note[0]}" for name, note in notes.items())
    return Picture(
        rows("Probability that a target of the drop holds", notes, likely, "all of them"), f"Holds with: {words}."
    )


def download(text: str, name: str) -> str:
    """A link that saves a text as a file, without a server, and the text itself."""
    data = base64.b64encode(text.encode("utf-8")).decode("ascii")
    target = f"data:text/markdown;charset=utf-8;base64,{data}"
    link = f'<a download="{html.escape(name)}" href="{target}">Save the memo as {html.escape(name)}</a>'
    return f"{link}<details><summary>Read it here</summary><pre>{html.escape(text)}</pre></details>"
