"""Numbers in words: the reading line under every picture is also its text alternative."""

from __future__ import annotations

import math
from typing import Any

from ..model.outcome import Outcome
from ..parameters import Parameter, ParameterError


def count(value: float) -> str:
    """A number of buyers or calls: "12,345", or "no limit" for infinity."""
    return "no limit" if math.isinf(value) else f"{value:,.0f}"


def share(part: float, whole: float) -> str:
    """A part in per cent of the whole: "14 %"; one decimal below 10 %."""
    percent = 100.0 * part / whole if whole > 0 else 0.0
    return f"{percent:.0f} %" if percent >= 9.95 or percent == 0 else f"{percent:.1f} %"


def seconds(value: float) -> str:
    """A time: "38 ms", "1.5 s", "47 s", "3 min 02 s"; "never" for infinity, "nobody" where there was none."""
    if math.isnan(value):
        return "nobody"
    if math.isinf(value):
        return "never"
    if value < 0.9995:
        return f"{1000 * value:.0f} ms"
    if value < 9.95:
        return f"{value:.1f} s"
    if value < 89.5:
        return f"{value:.0f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 100 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{value / 86400:,.0f} days"


def value(row: Parameter, number: Any) -> str:
    """A parameter's value as a slider shows it."""
    if row.flag:
        return "yes" if number else "no"
    if math.isinf(number):
        return "no limit"
    return f"{number:,.0f}" if number >= 100 or number == round(number) else f"{number:.3g}"


def single(outcome: Outcome) -> Outcome:
    """The outcome itself, or an error that a batch of them has no single reading or picture."""
    if outcome.shape:
        raise ParameterError(
            f"this outcome holds {len(outcome.totals)} scenarios: pictures and readings are of one; simulate it alone"
        )
    return outcome


def waited(outcome: Outcome) -> str:
    """How long buyers waited in the queue: "95 % waited under 5.6 s", or "nobody had to wait"."""
    wait = outcome.wait_quantile(0.95)
    return f"95 % waited under {seconds(wait)}" if wait > 0 else "nobody had to wait"  # NaN > 0 is False, too


def reading(outcome: Outcome) -> str:
    """One scenario in three sentences: who paid, who did not and why, and how bad it got.

    >>> from flashsale_lib import Design, simulate
    >>> print(reading(simulate(Design.naive())))
    4,626 of 33,550 buyers paid (14 %). Turned away 0, gave up 178, failed 28,340, declined 402, still open 4. \
Longest queue 4,103 buyers; 95 % waited under 5.6 s; the gateway's own time per call rose to 48 s.
    """
    o = single(outcome)
    late = f", charged late {count(o.paid_late)}" if o.paid_late >= 0.5 else ""
    left = o.reloading + o.queued + o.at_gateway + o.recovering
    open_ = f", still open {count(left)}" if left >= 0.5 else ""
    return (
        f"{count(o.paid)} of {count(o.arrived)} buyers paid ({share(o.paid, o.arrived)}). "
        f"Turned away {count(o.turned_away)}, gave up {count(o.gave_up)}, failed {count(o.dead_lettered)}, "
        f"declined {count(o.declined)}{late}{open_}. "
        f"Longest queue {count(o.max_queue)} buyers; {waited(o)}; "
        f"the gateway's own time per call rose to {seconds(o.worst_response_time)}."
    )
