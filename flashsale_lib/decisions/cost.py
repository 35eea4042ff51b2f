"""What a window costs: one bill per drop, one row per item, priced for the window and not for the month."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.outcome import Outcome
from ..parameters import Checked, Numeric, ParameterError, default, documented

if TYPE_CHECKING:
    import pandas as pd

RUNNING, FEE, LOST = "running", "fee", "lost"
"""Kinds of rows: what our side costs; what the gateway keeps of each charge; sales that were not made."""


@documented("prices")
@dataclass(frozen=True, eq=False)
class Prices(Checked):
    """A price list. The defaults are those of data/prices.csv, which gives source and date for each.

    >>> Prices(margin=0.3).margin
    0.3
    """

    machine_hour: Numeric = default("prices", "machine_hour")
    calls_per_machine: Numeric = default("prices", "calls_per_machine")
    standby: Numeric = default("prices", "standby")
    request_million: Numeric = default("prices", "request_million")
    poll_interval: Numeric = default("prices", "poll_interval")
    queue_million: Numeric = default("prices", "queue_million")
    queue_operations: Numeric = default("prices", "queue_operations")
    fee_share: Numeric = default("prices", "fee_share")
    fee_fixed: Numeric = default("prices", "fee_fixed")
    basket: Numeric = default("prices", "basket")
    margin: Numeric = default("prices", "margin")

    @classmethod
    def from_csv(cls, path: str | Path) -> Prices:
        """Prices from a CSV with the columns `name` and `price`, as data/prices.csv; what it leaves out is default.

        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "prices.csv")
        ...     _ = path.write_text("name,price\\nmargin,0.3\\n")
        ...     Prices.from_csv(path).margin
        0.3
        """
        try:
            lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise ParameterError(f"{path}: not a text file; save the table as CSV in UTF-8") from None
        reader = csv.DictReader(lines)
        if not {"name", "price"} <= set(reader.fieldnames or ()):
            raise ParameterError(f"{path}: no columns name and price; give it both, and a row per price")
        values = {}
        for row in reader:
            try:
                values[str(row["name"])] = float(row["price"])
            except (TypeError, ValueError):
                raise ParameterError(
                    f"{path}, row {reader.line_num}: price is {row['price']!r}; write a number"
                ) from None
        return cls(**values)


def scenario_of(outcome: Outcome) -> tuple[Any, ...]:
    """Design, demand, buyers and gateway of an outcome, or an error where there are several outcomes in a list."""
    if isinstance(outcome, (list, tuple)):
        raise ParameterError(
            f"outcome is a {type(outcome).__name__} of {len(outcome)}: must be one outcome; take each of them in turn"
        )
    return outcome.scenario


def items(outcome: Outcome, prices: Prices | None = None) -> dict[str, tuple[str, str, Any, Any]]:
    """The rows of the bill as arrays: item -> (kind, unit, quantity, price of one unit), batch shape each."""
    p = prices or Prices()
    design, demand = scenario_of(outcome)[:2]
    hour = np.asarray(p.machine_hour) / 3600.0
    standby = np.asarray(p.standby)
    # Workers without a limit cost what they work; there is nothing to keep warm.
    warm = np.minimum(design.workers, design.warm_workers)
    warm = np.where(np.isfinite(warm), warm, 0.0)
    per_machine = np.asarray(p.calls_per_machine)
    charges = outcome.paid + outcome.paid_late + outcome.double_charges + outcome.orphan_charges
    polls = outcome.queue_seconds / np.asarray(p.poll_interval)
    passages = outcome.admissions + outcome.retries
    door = np.asarray(design.door_servers) * (demand.window + standby)
    fee = np.asarray(p.fee_share) * p.basket + p.fee_fixed
    return {
        "workers": (RUNNING, "machine-seconds", outcome.worker_seconds / per_machine, hour),
        "workers on standby": (RUNNING, "machine-seconds", warm * standby / per_machine, hour),
        "front door": (RUNNING, "machine-seconds", door / per_machine, hour),
        "requests": (RUNNING, "requests", outcome.requests, np.asarray(p.request_million) / 1e6),
        "looks at the queue": (RUNNING, "requests", polls, np.asarray(p.request_million) / 1e6),
        "queue operations": (RUNNING, "operations", passages * p.queue_operations, np.asarray(p.queue_million) / 1e6),
        "gateway fees": (FEE, "charges", charges, fee),
        "lost margin": (LOST, "orders", outcome.arrived - outcome.paid, np.asarray(p.basket) * p.margin),
    }


def bill(outcome: Outcome, prices: Prices | None = None) -> pd.DataFrame:
    """The bill of a window, one row per item, in dollars.

        cost = quantity * unit_price

    `outcome` is of `simulate` or of `twin`. Standby is charged for warm workers and for the front door: workers that the
    clock or the queue calls are paid from the call to the end of the window.

    Columns: `item`, `kind` (running, fee or lost), `quantity`, `unit`, `unit_price`, `cost`; for a batch, scenario
    axes `axis_0`, ... first. Lost margin is not a bill that anybody sends: it stands apart by its kind. Prices
    broadcast with the scenario.

    >>> from flashsale_lib import simulate
    >>> table = bill(simulate())
    >>> round(float(table[table.kind == "running"].cost.sum()), 2)
    2.18
    """
    import pandas as pd

    frames = []
    rows = items(outcome, prices)
    shape = np.broadcast_shapes(*(np.shape(x) for row in rows.values() for x in row[2:]))
    for where in np.ndindex(shape):
        one = [
            (item, kind, float(np.broadcast_to(n, shape)[where]), unit, float(np.broadcast_to(price, shape)[where]))
            for item, (kind, unit, n, price) in rows.items()
        ]
        frame = pd.DataFrame(one, columns=["item", "kind", "quantity", "unit", "unit_price"])
        frame["cost"] = frame.quantity * frame.unit_price
        for axis, label in reversed(list(enumerate(where))):
            frame.insert(0, f"axis_{axis}", label)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def total(outcome: Outcome, prices: Prices | None = None, kind: str = RUNNING) -> Any:
    """The sum of one kind of rows in dollars, with the batch shape of the outcome."""
    amounts = [np.asarray(n) * price for k, _, n, price in items(outcome, prices).values() if k == kind]
    result = np.sum(np.broadcast_arrays(*amounts), axis=0)
    return float(result) if result.ndim == 0 else result


def cost_per_order(outcome: Outcome, prices: Prices | None = None) -> Any:
    """Running cost of the window per confirmed order, in dollars; infinity where nothing was sold.

        (machines + requests + queue operations) / paid

    The gateway's fees and lost margin are not in it. Shape of the outcome.

    >>> from flashsale_lib import Design, simulate
    >>> round(cost_per_order(simulate(Design.naive())) / cost_per_order(simulate()), 1)
    18.5
    """
    running = np.asarray(total(outcome, prices))
    paid = np.asarray(outcome.paid)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        result = np.where(paid > 0, running / paid, np.inf)
    return float(result) if result.ndim == 0 else result
