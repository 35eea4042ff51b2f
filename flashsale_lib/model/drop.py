"""The whole system in one call: `simulate` plays a design against a drop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ..parameters import FloatArray, ParameterError, parameter, parameters
from . import engine, step
from .demand import Demand
from .outcome import Outcome
from .pieces import LOAD_BINS
from .scenario import Buyers, Design, PaymentGateway

RECORD_LIMIT = 4e9
"""Bytes of results beyond which `simulate` asks for fewer scenarios, or for record=False."""


def simulate(
    design: Design | None = None,
    *,
    demand: Demand | None = None,
    buyers: Buyers | None = None,
    gateway: PaymentGateway | None = None,
    dt: float = parameter("simulation", "dt").default,
    record: bool = True,
    compiled: bool | None = None,
    threads: int | None = None,
) -> Outcome:
    """Play `design` against a drop, deterministically: every compartment is a fluid of buyers.

    With Z calls waited for, V abandoned at the gateway, N = Z + V, completion rate mu = health/R(N) and
    timeout hazard h = mu/(exp(mu*timeout) - 1):

        queue'       = admitted + recovered - dispatched - queue/patience      (the last term with skip_stale)
        Z'           = taken - (mu + h) Z                 V' = h Z - mu V
        recovering_j' = failed_j - recovering_j / (backoff * 2^(j-1))
        reloading'   = reload_probability * turned_away - reloading/reload_delay

    Parameters
    ----------
    design, demand, buyers, gateway : the scenario; each defaults to the default world and the protected design.
        All their array fields broadcast together, and the outcome has that shape: workers of shape (3, 1) and
        patience of shape (4,) give totals of shape (3, 4).
    dt : s, longest step (0.25). For small steps the error falls with dt squared; at the default it is below 0.5 %.
        A step longer than a call or a timeout is legal but coarse: compare with half of it.
    record : keep every series (True), or only totals, peaks and waits (False): memory then does not grow with
        the number of steps.
    threads : cores to use for a batch; None for all of them.
    compiled : True to insist on numba, False to run the same code as plain Python, None for numba where it is.

    Raises
    ------
    ParameterError : shapes that do not broadcast; a recording that would not fit into memory; a bad dt.

    >>> outcome = simulate(Design.naive())
    >>> f"{outcome.paid:,.0f} of {outcome.arrived:,.0f} buyers paid"
    '4,626 of 33,550 buyers paid'

    Reference: the model is this project's own, written out in step.py; for fluid queues with abandonment see
    W. Whitt, Fluid models for multiserver queues with abandonments, Operations Research 54 (2006).
    """
    if not isinstance(record, bool):
        raise ParameterError(f"record is {record!r}: must be True or False; True keeps every series")
    batch = lay_out(design, demand, buyers, gateway)
    arrivals, dt = batch.demand.arrivals(dt)
    count, steps = len(batch.records), arrivals.shape[-1]
    _check_memory(count, steps, record)
    rows = np.arange(arrivals[..., 0].size).reshape(arrivals.shape[:-1])
    totals, peaks, waits, accepts, series = engine.play(
        batch.records,
        arrivals.reshape(-1, steps),
        np.broadcast_to(rows, batch.shape).ravel(),
        dt,
        batch.brownouts,
        record,
        compiled,
        threads,
    )
    return Outcome(
        shape=batch.shape,
        dt=dt,
        start=float(batch.demand.time[0]),
        steps=steps,
        totals=totals,
        peaks=peaks,
        waits=waits,
        accepts=accepts,
        recorded=series if record else None,
        scenario=(batch.design, batch.demand, batch.buyers, batch.gateway),
    )


@dataclass(frozen=True)
class Batch:
    """Scenarios of one shape: the objects they came from, and one record of floats for each."""

    design: Design
    demand: Demand
    buyers: Buyers
    gateway: PaymentGateway
    shape: tuple[int, ...]
    records: Any
    brownouts: tuple[FloatArray, FloatArray, FloatArray]
    """Starts and ends (s since the window opened) and healths, each of shape (scenarios, brownouts)."""


def lay_out(
    design: Design | None, demand: Demand | None, buyers: Buyers | None, gateway: PaymentGateway | None
) -> Batch:
    """Fill in the defaults, and broadcast every field of the four against one another."""
    design = _given("design", design, Design)
    demand = _default_demand() if demand is None else _given("demand", demand, Demand)
    buyers = _given("buyers", buyers, Buyers)
    gateway = _given("gateway", gateway, PaymentGateway)
    fields = dict(_fields(("design", design), ("buyers", buyers), ("gateway", gateway)))
    shape = _common_shape({**fields, "demand.rate": demand.rate[..., 0]}, gateway)
    records = np.recarray(int(np.prod(shape)), dtype=[(name.split(".")[1], np.float64) for name in fields])
    if shape:
        for name, value in fields.items():
            records[name.split(".")[1]] = np.broadcast_to(value, shape).ravel()
    else:
        records[0] = tuple(fields.values())  # one scenario, as sliders ask for: no broadcasting
    return Batch(design, demand, buyers, gateway, shape, records, _brownouts(gateway, shape, float(demand.time[0])))


@cache
def _default_demand() -> Demand:
    return Demand.drop()


def _check_memory(count: int, steps: int, record: bool) -> None:
    kept = 8.0 * step.FIELDS + 4.0 * (2 * engine.WAIT_BINS + LOAD_BINS)
    needed = count * (kept + record * 8.0 * (steps + 1) * (step.FIELDS + 1))
    if needed > RECORD_LIMIT:
        todo = "pass record=False, fewer scenarios or a longer dt" if record else "play fewer scenarios at a time"
        raise ParameterError(
            f"record={record} for {count} scenarios of {steps} steps would take {needed / 1e9:.0f} GB: must be at "
            f"most {RECORD_LIMIT / 1e9:.0f} GB; {todo}"
        )


def _given(name: str, value: Any, kind: type) -> Any:
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise ParameterError(
            f"{name} is {value!r}, a {type(value).__name__}: must be a {kind.__name__}; pass fs.{kind.__name__}(...)"
        )
    return value


def _fields(*parts: tuple[str, Any]) -> Iterator[tuple[str, Any]]:
    for owner, part in parts:
        for row in parameters(owner):
            yield f"{owner}.{row.name}", getattr(part, row.name)


def _common_shape(fields: dict[str, Any], gateway: PaymentGateway) -> tuple[int, ...]:
    shapes = {name: np.shape(value) for name, value in fields.items() if not isinstance(value, float | bool)}
    for i, brownout in enumerate(gateway.brownouts):
        for name in ("start", "end", "health"):
            shapes[f"brownouts[{i}].{name}"] = np.shape(getattr(brownout, name))
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        given = ", ".join(f"{name} {shape}" for name, shape in shapes.items() if shape)
        raise ParameterError(
            f"shapes do not broadcast: {given}; give each its own axis, for example (3, 1) and (4,) for 3 x 4 scenarios"
        ) from None


def _brownouts(
    gateway: PaymentGateway, shape: tuple[int, ...], start: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    def table(name: str, shift: float = 0.0) -> FloatArray:
        columns = [np.broadcast_to(getattr(b, name), shape).ravel() - shift for b in gateway.brownouts]
        return np.stack(columns, axis=1) if columns else np.zeros((int(np.prod(shape)), 0))

    return table("start", start), table("end", start), table("health")
