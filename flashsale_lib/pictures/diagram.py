"""The checkout as a living picture: at any moment of a drop, who is where, what flows, and how full each part is.

Widths of arrows are flows, bars are load, words say the state of each part. The same shapes become SVG (live, in
`player`) and a stored `Picture`; the same moment in plain words is the text alternative of both.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Collection
from typing import Any

import numpy as np
from matplotlib import rc_context

from ..model.outcome import Outcome
from ..model.scenario import Design
from ..parameters import UnknownParameterError
from .canvas import BLUE, GREEN, GREY, INK, ORANGE, PINK, RED, SKY, STYLE, Picture, new
from .moments import INF, NOTHING, Moment, Moments
from .shapes import BROWN, Arrow, Box, Hatch, Line, Shape, Words, draw, meter, to_svg
from .words import count, seconds, single

WIDTH, HEIGHT = 1100.0, 314.0
WIDEST = 25.0
SWITCHES: dict[str, dict[str, float]] = {
    "door limit": {"admit_rate": INF, "max_wait": INF, "queue_limit": INF},
    "queue": {"queue_limit": 0.0},
    "worker limit": {"workers": INF, "warm_workers": INF, "dispatch_rate": INF, "aimd_target": INF},
    "recovery": {"attempts": 1.0},
}
"""What switching a part off does to a design.

- door limit: the door lets everybody in, as far as there is stock (to sell what one has not got is no design).
- queue: nobody can wait. Who finds no free worker is turned away, door limit or not.
- worker limit: as many calls at once as there are buyers to pay. A circuit breaker stays.
- recovery: a call that fails is not tried again.
"""


def switched(design: Design, off: Collection[str]) -> Design:
    """The design with some parts switched off, see `SWITCHES`; in which order makes no difference.

    >>> switched(Design(), {"recovery", "queue"}).attempts, switched(Design(), {"queue"}).queue_limit
    (1.0, 0.0)
    """
    for part in off:
        if part not in SWITCHES:
            raise UnknownParameterError(f"no part {part!r} to switch off: use some of {', '.join(SWITCHES)}")
    changes: dict[str, Any] = {}
    for part, values in SWITCHES.items():  # the queue after the door: where there is no queue, nobody gets room in it
        changes |= values if part in off else {}
    if changes.get("queue_limit") == INF:
        changes["queue_limit"] = np.where(np.asarray(design.queue_limit) == 0.0, 0.0, INF)
    return dataclasses.replace(design, **changes)


def can_switch(design: Design, part: str) -> bool:
    """Whether switching the part off would change the design: a door without limits has none to lose.

    >>> can_switch(Design.naive(), "door limit"), can_switch(Design(), "door limit")
    (False, True)
    """
    return switched(design, {part}) != design


# --- numbers as the picture writes them -------------------------------------------------------------------------------


def thickness(flow: float) -> float:
    """Width of an arrow, in units of the picture: the square root of the flow per second, from 2 to 25; 0 for none.

    >>> [thickness(flow) for flow in (0, 1, 25, 100, 625, 5000)]
    [0.0, 2.0, 5.0, 10.0, 25.0, 25.0]
    """
    return 0.0 if flow < NOTHING else min(max(math.sqrt(flow), 2.0), WIDEST)


def short(number: float) -> str:
    """A count that fits into a box: "12,345", from a million on "1.2 M".

    >>> short(12345), short(1.23e6), short(4.5e11), short(math.inf)
    ('12,345', '1.2 M', '450 G', 'no limit')
    """
    for unit, letter in ((1e9, "G"), (1e6, "M")):
        if 0.9995 * unit <= number < INF:
            return f"{number / unit:.{1 if number < 9.95 * unit else 0}f} {letter}"
    return count(number)


def rate(flow: float) -> str:
    """A flow: "705/s", "3.2/s", "0/s".

    >>> rate(705.4), rate(3.21), rate(0.01)
    ('705/s', '3.2/s', '0/s')
    """
    return "0/s" if flow < NOTHING else f"{flow:.1f}/s" if flow < 9.95 else f"{short(flow)}/s"


def clock(t: float) -> str:
    """A moment: "62 s", "1 min 40 s".

    >>> clock(62), clock(100), clock(0.25), clock(4000)
    ('62 s', '1 min 40 s', '0.25 s', '1 h 06 min 40 s')
    """
    if t < 90 or t != round(t):
        return f"{t:.6g} s"
    minutes, rest = divmod(round(t), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min {rest:02d} s"


class Diagram:
    """The checkout of one outcome (recorded, one scenario) at every moment of its drop.

    >>> from flashsale_lib import simulate
    >>> print(Diagram(simulate()).text(30))
    at 30 s: 5.0/s arrive; the front door is open and lets in 5.0/s; nobody waits in the queue; 4 of 150 workers busy; \
the gateway has 4 calls in flight (its best is 160), 805 ms per call: has room; the recovery queue is empty. \
So far 150 arrived: 134 paid, 12 card declined, 4 still inside.
    """

    _keys = itertools.count(1)

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = single(outcome)
        self._moments = Moments(self.outcome)
        self._most_busy = max(float(np.max(self.outcome.waited_for)), 1.0)
        self._key = f"checkout-{next(self._keys)}"

    def at(self, t: float) -> Moment:
        """Everything about the moment t (s), as numbers and states."""
        return self._moments.at(t)

    # --- in words -----------------------------------------------------------------------------------------------------

    def text(self, t: float) -> str:
        """The picture at time t (s) in plain words."""
        m = self.at(t)
        return f"at {clock(m.t)}: {self._door(m)}; {self._queue(m)}; {self._calls(m)}. {_ends(m)}"

    def _reason(self, m: Moment) -> str:
        """Why the door holds buyers back, with the number that is the limit."""
        design = self.outcome.scenario[0]
        if m.door_reason == "rate limit":
            return f"rate limit {rate(float(design.admit_rate))}"
        return f"promise: {seconds(float(design.max_wait))}" if m.door_reason == "promise" else m.door_reason

    def _door(self, m: Moment) -> str:
        reloads = f" and {rate(m.returning)} reload" if m.returning >= NOTHING else ""
        state = "has no limit" if m.door == "off" else f"is {m.door}"
        reason = f" ({self._reason(m)})" if m.door_reason else ""
        away = f", turns away {rate(m.refused)}" if m.refused >= NOTHING else ""
        return (
            f"{rate(m.arrivals)} arrive{reloads}; the front door {state}{reason} and lets in {rate(m.admitted)}{away}"
        )

    def _queue(self, m: Moment) -> str:
        if m.queue == "off":
            return "there is no queue to wait in"
        if m.queue == "empty":
            return "nobody waits in the queue"
        wait = "not before the end" if m.wait == INF else seconds(m.wait)
        leaving = f", {rate(m.giving_up)} give up" if m.giving_up >= NOTHING else ""
        return f"{count(m.places['queued'])} wait in the queue ({m.queue}), {wait} for who joins now{leaving}"

    def _calls(self, m: Moment) -> str:
        busy = count(m.places["at_gateway"])
        if m.crew == "all busy":
            workers = f"all {count(m.workers)} workers busy"
        else:
            of = "" if m.workers == INF else f" of {count(m.workers)}"
            note = "" if m.crew in ("some busy", "idle") else f" ({self._crew(m)})"
            workers = f"{busy}{of} workers busy{note}"
        best = f" (its best is {count(m.best)})" if m.best < INF else ""
        left = f", {count(m.abandoned)} of them abandoned" if m.abandoned >= 1.0 else ""
        calls = f"{count(m.in_flight)} calls in flight{best}{left}, {seconds(m.response_time)} per call: {_gateway(m)}"
        waiting = f"{count(m.places['recovering'])} in the recovery queue"
        retry = {"off": "nothing is tried again", "empty": "the recovery queue is empty", "waiting": waiting}
        return f"{workers}; the gateway has {calls}; {retry[m.recovery]}"

    def _crew(self, m: Moment) -> str:
        """The state of the workers in words."""
        limit = rate(float(self.outcome.scenario[0].dispatch_rate))
        return {"off": "no limit", "own limit": "at their own limit", "rate limit": f"limit {limit}"}.get(
            m.crew, m.crew
        )

    # --- as a picture -------------------------------------------------------------------------------------------------

    def svg(self, t: float) -> str:
        """The picture at time t (s) as an accessible SVG element."""
        shapes, text = self.shapes(t), self.text(t)
        title = f"The checkout at {clock(float(t))}"
        return to_svg(shapes, WIDTH, HEIGHT, title=title, description=text, key=self._key)

    def shapes(self, t: float) -> list[Shape]:
        """The picture at time t (s) as a list of shapes, from back to front."""
        m = self.at(t)
        late = self.outcome.paid_late >= 0.5
        return [*_heading(m), *_flows(m, late), *self._parts(m), *_exits(m, late)]

    def _parts(self, m: Moment) -> list[Shape]:
        """The five boxes."""
        late = m.accept_latency > self.outcome.steps * self.outcome.dt
        answers = "answers too late" if late else f"answer: {seconds(m.accept_latency)}"
        if m.door == "off":
            shapes = _box(DOOR, "Front door", "off", "lets everybody in", answers, ghost=True)
        else:
            share = f"lets in {100 * m.let_in:.0f} %"
            shapes = _box(DOOR, "Front door", m.door, self._reason(m) or answers, share, bar=m.let_in)

        queued, limit, deepest = m.places["queued"], float(self.outcome.scenario[0].queue_limit), self.outcome.max_queue
        if m.queue == "off":
            shapes += _box(QUEUE, "Queue", "off", "nobody can wait", ghost=True)
        else:
            wait = "too late to be served" if m.wait == INF else f"{seconds(m.wait)} to wait"
            of, full = (f"of {short(limit)}", limit) if limit < INF else ("no limit", deepest)
            shapes += _box(
                QUEUE, "Queue", short(queued), m.queue, "" if m.queue == "empty" else wait, of=of,
                corner=f"peak {short(deepest)}" if limit == INF else "", bar=queued / max(full, 1.0), colour=ORANGE,
            )  # fmt: skip

        busy, left = m.places["at_gateway"], f"{short(m.abandoned)} abandoned" if m.abandoned >= 1.0 else ""
        if m.crew == "off":
            shapes += _box(WORKERS, "Workers", short(busy), "off: no limit", left, ghost=True)
        else:
            of, full = (f"of {short(m.workers)}", m.workers) if m.workers < INF else ("no limit", self._most_busy)
            shapes += _box(WORKERS, "Workers", short(busy), self._crew(m), left, of=of, bar=busy / max(full, 1e-9))

        best, full = (f"best {short(m.best)}", 2.0 * m.best) if m.best < INF else ("", self.outcome.max_in_flight)
        shapes += _box(
            GATEWAY, "Payment gateway", short(m.in_flight), _gateway(m), f"{seconds(m.response_time)} a call", of=best,
            bar=m.in_flight / max(full, 1.0), colour=GREEN, tick=0.5 if m.best < INF else INF,
        )  # fmt: skip

        if m.recovery == "off":
            return shapes + _box(RECOVERY, "Recovery queue", "off", "no second try", ghost=True)
        return shapes + _box(RECOVERY, "Recovery queue", short(m.places["recovering"]), m.recovery)


def still(outcome: Outcome, t: float) -> Picture:
    """The diagram at time t (s) as a picture to keep; its text is the moment in words.

    >>> from flashsale_lib import Design, simulate
    >>> repr(still(simulate(Design.naive()), 200)).split("; ")[4]
    'the gateway has 1,200 calls in flight (its best is 160), 973 of them abandoned, 48 s per call: refusing'
    """
    diagram = Diagram(outcome)
    with rc_context(STYLE):
        drawn = new(WIDTH / 100, HEIGHT / 100)
        draw(drawn.add_axes((0, 0, 1, 1)), diagram.shapes(t), WIDTH, HEIGHT)
    return Picture(drawn, diagram.text(t))


# --- what a moment says, and where its parts stand --------------------------------------------------------------------

ENDS = {
    "paid": "paid", "paid_late": "charged late", "declined": "card declined", "turned_away": "turned away",
    "gave_up": "gave up", "dead_lettered": "payment failed", "reloading": "about to reload",
}  # fmt: skip
DOOR, QUEUE, WORKERS, GATEWAY = (
    (104.0, 32.0, 146.0, 140.0),
    (310.0, 32.0, 172.0, 140.0),
    (542.0, 32.0, 144.0, 140.0),
    (746.0, 32.0, 176.0, 140.0),
)
RECOVERY = (600.0, 226.0, 156.0, 76.0)
"""Where the parts stand: left, top, width, height."""


def _gateway(m: Moment) -> str:
    """The state of the gateway in words."""
    slow = {"past its best": "past its best, slow", "brownout": f"brownout, at {100 * m.health:.0f} %"}
    return slow.get(m.gateway, m.gateway)


def _ends(m: Moment) -> str:
    """Where everyone who came so far is, in words."""
    inside = m.places["queued"] + m.places["at_gateway"] + m.places["recovering"]
    here = {**{name: m.places[name] for name in ENDS}, "inside": inside}
    words = {**ENDS, "inside": "still inside"}
    parts = [f"{count(buyers)} {words[name]}" for name, buyers in here.items() if buyers >= 0.5 or name == "paid"]
    return f"So far {count(m.arrived)} arrived: {', '.join(parts)}."


def _heading(m: Moment) -> list[Shape]:
    """The time, and what the signs mean."""
    shapes: list[Shape] = [Words(10, 21, f"at {clock(m.t)}", 18, bold=True)]
    shapes.append(Words(604, 20, "width of an arrow:", anchor="end", colour=GREY))
    for x, flow, label in ((612, 10, "10/s"), (684, 100, "100/s"), (764, 625, "625/s or more")):
        shapes += [Line(((x, 15), (x + 24, 15)), thickness(flow), GREY), Words(x + 30, 20, label, colour=GREY)]
    shapes += [Line(((914, 4), (914, 26)), 2.5), Words(922, 20, "best", colour=GREY)]
    return [*shapes, Hatch(968, 6, 28, 18, BROWN), Words(1002, 20, "beyond it", colour=GREY)]


def _flows(m: Moment, late: bool) -> list[Shape]:
    """All arrows, and their flows as labels."""
    door, queue, workers, gateway = (x + width for x, _, width, _ in (DOOR, QUEUE, WORKERS, GATEWAY))
    bottom = DOOR[1] + DOOR[3]
    arrows: list[tuple[float, str, tuple[tuple[float, float], ...], tuple[float, float, str]]] = [
        (m.arrivals, GREY, ((10, 92), (DOOR[0], 92)), (10, 124, "start")),
        (m.returning, SKY, ((172, 256), (40, 256), (40, 146), (DOOR[0], 146)), (10, 290, "start")),
        (m.refused, SKY, ((222, bottom), (222, 226)), (240, 200, "start")),
        (m.admitted, BLUE, ((door, 102), (QUEUE[0], 102)), (door + 28, 80, "middle")),
        (m.giving_up, ORANGE, ((356, bottom), (356, 226)), (372, 200, "start")),
        (m.dispatched, BLUE, ((queue, 102), (WORKERS[0], 102)), (queue + 28, 80, "middle")),
        (m.dispatched, BLUE, ((workers, 102), (GATEWAY[0], 102)), (workers + 28, 80, "middle")),
        (m.retrying, PINK, ((788, bottom), (788, 262), (756, 262)), (806, 200, "start")),
        (m.recovered, PINK, ((RECOVERY[0], 262), (452, 262), (452, bottom)), (468, 246, "start")),
        (m.failing, RED, ((890, bottom), (890, 226)), (908, 200, "start")),
        (m.paying, GREEN, ((gateway, 58), (982, 58)), (gateway + 28, 46, "middle")),
        (m.declining, GREY, ((gateway, 108), (982, 108)), (gateway + 28, 96, "middle")),
    ]
    if late:
        arrows.append((m.late, RED, ((gateway, 158), (982, 158)), (gateway + 28, 146, "middle")))
    shapes: list[Shape] = [Arrow(path, thickness(flow), colour) for flow, colour, path, _ in arrows]
    reloads = Words(10, 290, f"{rate(m.returning)} press reload")
    labels = [Words(x, y, rate(flow), anchor=side) for flow, _, _, (x, y, side) in arrows if flow >= NOTHING]
    return [*shapes, *(reloads if label.y == reloads.y else label for label in labels)]


def _box(
    place: tuple[float, float, float, float], title: str, number: str, state: str, more: str = "", *, of: str = "",
    corner: str = "", bar: float | None = None, colour: str = BLUE, tick: float = INF, ghost: bool = False,
) -> list[Shape]:  # fmt: skip
    """A part: its name, a number and what it is out of, its state, one line more, how full it is. Dashed when off."""
    x, y, width, height = place
    words = [
        Words(x + 10, y + 21, title, 15, bold=True, colour=GREY if ghost else INK),
        Words(x + width - 10, y + 21, corner, anchor="end", colour=GREY),
        Words(x + 10, y + 46, number, 17 if len(number) > 8 else 20, bold=True),
        Words(x + width - 10, y + 46, of, anchor="end"),
        Words(x + 10, y + 66, state),
        Words(x + 10, y + 86, more),
    ]
    fill, edge = ("white", GREY) if ghost else ("#f6f6f6", INK)
    shapes: list[Shape] = [Box(*place, fill, edge, line=2, dashed=ghost, radius=8)]
    if bar is not None:
        shapes += meter(x + 10, y + height - 30, width - 20, bar, colour, tick)
    return shapes + [each for each in words if each.text]


def _exits(m: Moment, late: bool) -> list[Shape]:
    """Names and numbers of those who came, left and are about to come back, from the start to now."""
    exits = [
        ("came", "arrived", 10.0, 44.0, "start"),
        ("paid", "paid", 988.0, 52.0, "start"),
        ("card declined", "declined", 988.0, 102.0, "start"),
        ("turned away", "turned_away", 222.0, 246.0, "middle"),
        ("gave up", "gave_up", 356.0, 246.0, "middle"),
        ("payment failed", "dead_lettered", 900.0, 246.0, "middle"),
    ]
    exits += [("charged late", "paid_late", 988.0, 152.0, "start")] if late else []
    here = {**m.places, "arrived": m.arrived}
    shapes: list[Shape] = []
    for words, place, x, y, side in exits:
        shapes += [
            Words(x, y, words, anchor=side),
            Words(x, y + 21, short(here[place]), 19, bold=True, anchor=side),
        ]
    if m.places["reloading"] >= NOTHING:
        shapes.append(Words(10, 308, f"{short(m.places['reloading'])} about to reload"))
    return shapes
