"""The kata in words: measures with their units, the verdict of the five days, and a design memo of one page (Markdown)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..decisions.kata import ASSUMED, KNOBS, SCENARIOS, TARGETS
from ..decisions.scorecard import AT_LEAST
from ..model.outcome import Outcome
from ..model.scenario import Design
from ..parameters import parameter
from ..pictures.words import count, seconds, share, value

if TYPE_CHECKING:
    import pandas as pd

TITLES = {
    "accept_p99": "answer of the door (99 %)",
    "gateway_load": "calls in flight (best = 100 %)",
    "response_time": "slowest gateway",
    "failed_share": "failed after being let in",
    "wait_p95": "wait in the queue (95 %)",
    "cost_per_order": "running cost per order",
    "served_share": "buyers served",
}
"""The targets in plain words."""
REASONS = {
    "door": "Why this door (rates, promise, number of places)?",
    "workers": "Why this many workers, and this patience with a call?",
    "given up": "What did you give up for it, and who will mind?",
    "check": "What would you measure before the day, because the design rests on it?",
}
"""What the memo asks its author."""


def said(target: str, number: float) -> str:
    """A measure of a target with its unit.

    >>> said("wait_p95", 65), said("cost_per_order", 0.0005), said("failed_share", 0.0001), said("gateway_load", 7.5)
    ('65 s', '0.05 cents', '0.01 %', '750 %')
    """
    if not math.isfinite(number):
        return "no order at all"
    if target == "cost_per_order":
        return f"{100 * number:.2g} cents"
    if target in ("gateway_load", "failed_share", "served_share"):
        return f"{100 * number:.0f} %" if number >= 0.01 else f"{100 * number:.2g} %"
    return seconds(number)


def told(target: str, measured: float, limit: float, met: bool) -> str:
    """What was measured, with as many digits as it takes to tell a missed target from its limit.

    >>> told("gateway_load", 1.0048, 1.0, False), told("gateway_load", 1.0, 1.0, True), told("wait_p95", 120.15, 120, False)
    ('100.5 %', '100 %', '120.2 s')
    """
    text = said(target, measured)
    if met or text != said(target, limit):
        return text
    unit = said(target, limit).split()[-1]
    factor = {"s": 1.0, "ms": 1000.0}.get(unit, 100.0)
    beside = ((f"{factor * measured:.{digits}g}", f"{factor * limit:.{digits}g}") for digits in range(3, 17))
    number = next((mine for mine, allowed in beside if mine != allowed), f"{factor * measured:.17g}")
    return f"{number} {unit}"


def bound(target: str, limit: float) -> str:
    """The limit of a target.

    >>> bound("served_share", 0.5), bound("wait_p95", 120)
    ('at least 50 %', 'at most 2 min 00 s')
    """
    return f"at {'least' if target in AT_LEAST else 'most'} {said(target, limit)}"


def missed(day: pd.DataFrame) -> str:
    """What a day's scorecard has missed, in words; empty where nothing."""
    rows: list[Any] = [row for row in day.itertuples() if not row.met]
    return "; ".join(
        f"{TITLES[r.target]} {told(r.target, r.measured, r.limit, False)} (allowed: {bound(r.target, r.limit)})"
        for r in rows
    )


def lost(table: pd.DataFrame) -> dict[str, str]:
    """The days of `kata.judge` that the design did not survive, and what each missed, in words."""
    days = {name: missed(table[table.scenario == name]) for name in SCENARIOS}
    return {name: text for name, text in days.items() if text}


def survivals(table: pd.DataFrame) -> str:
    """How many of the days a design survived."""
    return f"Survived {len(SCENARIOS) - len(lost(table))} of {len(SCENARIOS)} days."


def verdict(table: pd.DataFrame) -> str:
    """The five days of `kata.judge` in words.

    >>> from flashsale_lib import Design, kata
    >>> print(verdict(kata.judge(Design())))
    Survived 4 of 5 days. Missed on a 90 s brownout: calls in flight (best = 100 %) 101 % (allowed: at most 100 %); \
wait in the queue (95 %) 2 min 30 s (allowed: at most 2 min 00 s).
    """
    return " ".join([survivals(table), *(f"Missed on {name}: {text}." for name, text in lost(table).items())])


def setting(name: str, design: Design) -> str:
    """One choice of a design in words.

    >>> setting("workers", Design()), setting("max_wait", Design()), setting("attempts", Design(attempts=1))
    ('150 calls', 'no limit', '1 call')
    >>> setting("admit_rate", Design(admit_rate=1)), setting("door_servers", Design(door_servers=1))
    ('1 buyers/s', '1 server')
    >>> setting("admit_burst", Design())
    'not used: the rate has no limit'
    """
    row = parameter("design", name)
    number = float(getattr(design, name))
    if name == "admit_burst" and math.isinf(float(design.admit_rate)):
        return "not used: the rate has no limit"
    if math.isinf(number) or not row.unit:
        return value(row, number)
    unit = row.unit.removesuffix("s") if number == 1 and len(row.unit) > 1 and "/" not in row.unit else row.unit
    return f"{value(row, number)} {unit}"


def chance(probability: float) -> str:
    """A probability that was estimated from some hundred draws, in words.

    >>> chance(0.744), chance(0.9975), chance(1.0)
    ('74 %', 'over 99 %', '100 %')
    """
    return "over 99 %" if 0.995 <= probability < 1 else f"{100 * probability:.0f} %"


MEASURED = ("served_share", "wait_p95", "failed_share", "gateway_load", "accept_p99", "cost_per_order")
"""What the memo's table of days shows."""


def memo(
    design: Design,
    drop: Outcome,
    table: pd.DataFrame,
    reasons: Mapping[str, str],
    odds: pd.DataFrame | None = None,
    attempt: int = 1,
) -> str:
    """The memo: what is asked, what was chosen and why, what five days showed, and what is not certain.

    `drop`, `table`: the outcome of the drop and the result of `kata.judge`. `reasons`: answers to the questions of
    `REASONS`; what is missing is left as a line to fill in. `odds`: the result of `kata.odds`, where it was asked for.
    `attempt`: from the second on, the days had been seen before, and the memo says so.
    """
    failed = lost(table)
    lines = [
        "# Design memo: checkout for the drop", "",
        "**Asked:** keep the checkout alive from 12:00 on, with nobody touching it, in front of a payment gateway that cannot "
        f"be scaled. On the planned day: {'; '.join(f'{TITLES[n]} {bound(n, getattr(TARGETS, n))}' for n in TITLES)}.", "",
        f"**Proposed:** a design that survives {len(SCENARIOS) - len(failed)} of "
        f"{len(SCENARIOS)} test days. On the planned day {count(drop.paid)} of {count(drop.arrived)} buyers pay "
        f"({share(drop.paid, drop.arrived)}).", "",
        "## What is set before 12:00", "", "| setting | value | meaning |", "|---|---|---|",
    ]  # fmt: skip
    lines += [
        f"| {name.replace('_', ' ')} | {setting(name, design)} | {parameter('design', name).meaning} |"
        for name in KNOBS
    ]
    lines += ["", "## Why", ""]
    for key, question in REASONS.items():
        answer = " ".join(reasons.get(key, "").split())
        lines += [f"**{question}** {answer or '...'}", ""]
    lines += [
        "## What five days showed", "",
        f"| day | survived | {' | '.join(TITLES[name] for name in MEASURED)} | missed |", f"|{'---|' * (3 + len(MEASURED))}",
    ]  # fmt: skip
    for name in SCENARIOS:
        day = table[table.scenario == name].set_index("target").measured
        cells = [name, "no" if name in failed else "yes", *(said(target, day[target]) for target in MEASURED)]
        lines.append(f"| {' | '.join(cells)} | {failed.get(name, 'nothing')} |")
    if attempt > 1:
        lines += ["", f"This is attempt {attempt}: the days had been seen before, so that they test the design less."]
    lines += ["", "## What is not certain", ""]
    if odds is None:
        lines.append(
            "Turnout and the gateway's speed were taken as known. How likely the targets hold if they are not: not asked yet."
        )
    else:
        likely: dict[str, Any] = dict(zip(odds.target, odds.probability, strict=True))
        weakest = min(TITLES, key=lambda name: likely[name])
        lines.append(
            f"Assumed: {ASSUMED}. Then "
            f"all targets of the planned day hold with {chance(likely['all of them'])} probability. The weakest is: "
            f"{TITLES[weakest]}, {chance(likely[weakest])}. The other days were not varied."
        )
    return "\n".join([*lines, ""])
