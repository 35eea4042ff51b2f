"""The targets of a drop, and how a design did: met or not, and with what margin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.outcome import Outcome
from ..parameters import Checked, Numeric, default, documented
from .cost import Prices, cost_per_order, scenario_of

if TYPE_CHECKING:
    import pandas as pd


@documented("targets")
@dataclass(frozen=True, eq=False)
class Targets(Checked):
    """The five targets of a drop (the gateway's has two measures), and the share of buyers that must be served.

    They pull against each other: that is the lesson. Without the last one, selling nothing would be a perfect design.

    >>> Targets(wait_p95=60).wait_p95
    60.0
    """

    accept_p99: Numeric = default("targets", "accept_p99")
    gateway_load: Numeric = default("targets", "gateway_load")
    response_time: Numeric = default("targets", "response_time")
    failed_share: Numeric = default("targets", "failed_share")
    wait_p95: Numeric = default("targets", "wait_p95")
    cost_per_order: Numeric = default("targets", "cost_per_order")
    served_share: Numeric = default("targets", "served_share")


AT_LEAST = ("served_share",)
"""Targets that are floors; all others are ceilings."""


def measures(outcome: Outcome, prices: Prices | None = None) -> dict[str, Any]:
    """What the targets are compared with, one value per scenario (batch shape of the outcome).

    accept_p99, wait_p95 in s (0 where nobody came); response_time in s; gateway_load, the most calls in flight over the
    gateway's best number (0 where that is infinite); failed_share, (dead-lettered + recovering)/let in;
    cost_per_order in dollars (infinity where nothing was sold); served_share, paid/arrived (1 where nobody came: nobody was disappointed).
    """
    gateway = scenario_of(outcome)[3]
    best = np.asarray(gateway.peak()[0])
    failed = np.asarray(outcome.dead_lettered + outcome.recovering, dtype=float)
    let_in, arrived = (np.asarray(number, dtype=float) for number in (outcome.admissions, outcome.arrived))
    return {
        "accept_p99": np.nan_to_num(outcome.accept_quantile(0.99)),
        "gateway_load": np.asarray(outcome.max_in_flight) / best,
        "response_time": np.asarray(outcome.worst_response_time),
        "failed_share": np.divide(failed, let_in, out=np.zeros_like(failed), where=let_in > 0),
        "wait_p95": np.nan_to_num(outcome.wait_quantile(0.95)),
        "cost_per_order": np.asarray(cost_per_order(outcome, prices)),
        "served_share": np.divide(outcome.paid, arrived, out=np.ones_like(arrived), where=arrived > 0),
    }


def all_met(measured: dict[str, Any], targets: Targets) -> Any:
    """Whether all of these measures are on the right side of their targets."""
    limits = {name: getattr(targets, name) for name in measured}
    tests = [value >= limits[name] if name in AT_LEAST else value <= limits[name] for name, value in measured.items()]
    result = np.logical_and.reduce(np.broadcast_arrays(*tests))
    return bool(result) if result.ndim == 0 else result


def met(outcome: Outcome, targets: Targets | None = None, prices: Prices | None = None) -> Any:
    """Whether all targets are met, one truth value per scenario."""
    return all_met(measures(outcome, prices), targets or Targets())


def score(outcome: Outcome, targets: Targets | None = None, prices: Prices | None = None) -> pd.DataFrame:
    """The scorecard: one row per target, for one scenario or a batch of them.

    Columns: `target`, `limit`, `measured`, `met`, `margin`; for a batch, scenario axes `axis_0`, ... first. The margin
    is how far the measure is on the right side, as a share of the limit:

        margin = (limit - measured)/limit, or (measured - limit)/limit for a floor

    It is below 0 where the target is missed, and NaN for a limit of 0. Targets and prices broadcast with the scenario.

    >>> from flashsale_lib import Design, simulate
    >>> bool(score(simulate()).met.all()), int(score(simulate(Design.naive())).met.sum())
    (True, 2)
    """
    import pandas as pd

    t = targets or Targets()
    measured = measures(outcome, prices)
    limits = {name: np.asarray(getattr(t, name)) for name in measured}
    shape = np.broadcast_shapes(*(np.shape(x) for x in (*measured.values(), *limits.values())))
    frames = []
    for where in np.ndindex(shape):
        rows = []
        for name, values in measured.items():
            limit, value = (float(np.broadcast_to(x, shape)[where]) for x in (limits[name], values))
            slack = value - limit if name in AT_LEAST else limit - value
            rows.append((name, limit, value, slack >= 0, slack / limit if limit else np.nan))
        frame = pd.DataFrame(rows, columns=["target", "limit", "measured", "met", "margin"])
        for axis, label in reversed(list(enumerate(where))):
            frame.insert(0, f"axis_{axis}", label)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)
