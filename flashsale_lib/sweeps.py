"""Thousands of designs: a grid, a random sample or a list, played in chunks, to one tidy table."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import pickle
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .cost import Prices
from .demand import Demand
from .drop import simulate
from .outcome import PLACES, Outcome
from .parameters import FloatArray, ParameterError, UnknownParameterError, parameter, parameters
from .scenario import Buyers, Design, PaymentGateway
from .scorecard import Targets, measures, met

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 250
"""Scenarios in one job: a fifth of a second of work, and 5 MB of memory."""

Columns = dict[str, FloatArray]


def grid(**values: Sequence[float]) -> Columns:
    """Every combination of the given values, as columns.

    >>> grid(workers=[80, 160], attempts=[1, 3])["workers"].tolist()
    [80.0, 80.0, 160.0, 160.0]
    """
    rows = np.array(list(itertools.product(*values.values())), dtype=np.float64).reshape(-1, len(values))
    return {name: rows[:, i] for i, name in enumerate(values)}


def sample(n: int, seed: int = 0, **ranges: tuple[float, float]) -> Columns:
    """`n` random designs: each named field between two bounds, evenly, or evenly in the logarithm where its slider is.

    Whole-number fields are rounded. The same seed gives the same designs.

    >>> designs = sample(3, workers=(10, 800), queue_limit=(100, 20_000))
    >>> sorted(designs), len(designs["workers"])
    (['queue_limit', 'workers'], 3)
    """
    if n < 1:
        raise ParameterError(f"n is {n}: must be at least 1; ask for one design or more")
    random = np.random.default_rng(seed)
    columns = {}
    for name, (low, high) in ranges.items():
        row = parameter(*_owner(name))
        if not low <= high or (row.slider.log and low <= 0):
            raise ParameterError(f"the range of {name} is ({low}, {high}): must rise, and start above 0 on a log scale")
        drawn = random.random(n)
        column = low * (high / low) ** drawn if row.slider.log else low + (high - low) * drawn
        columns[name] = np.round(column) if row.whole else column
    return columns


def summary(outcome: Outcome, targets: Targets, prices: Prices) -> dict[str, Any]:
    """The columns a sweep reports: the ledger, peaks, the measures of the scorecard, and whether all targets are met."""
    columns = {name: getattr(outcome, name) for name in ("arrived", *PLACES, "calls", "max_queue", "max_in_flight")}
    return {**columns, **measures(outcome, prices), "all_met": met(outcome, targets, prices)}


def sweep(
    designs: Mapping[str, Any] | Sequence[Design],
    *,
    design: Design | None = None,
    demand: Demand | None = None,
    buyers: Buyers | None = None,
    gateway: PaymentGateway | None = None,
    targets: Targets | None = None,
    prices: Prices | None = None,
    dt: float = parameter("simulation", "dt").default,
    executor: Executor | None = None,
    chunk: int = CHUNK,
    progress: bool = True,
    store: str | Path | None = None,
) -> pd.DataFrame:
    """Play many designs; a tidy table with one row each, in their order.

    Parameters
    ----------
    designs : columns of equal length by field name (as `grid` and `sample` make them, or a DataFrame), of `Design`,
        `Buyers` or `PaymentGateway`; or a list of `Design`. What they leave out is as in `design`, `buyers`, `gateway`.
    demand, targets, prices, dt : the same for all rows. `demand` is a single scenario.
    executor : any `concurrent.futures.Executor` (threads, processes, Dask's `Client.get_executor()`, ...) that plays
        the chunks. Without one, they are played here, on all cores. Should its workers die, the rest is played here.
    chunk : designs in one job; memory grows with this and with the table, not with the number of designs at once.
    progress : show a progress bar.
    store : a folder in which each finished chunk is kept. A sweep that was interrupted goes on from there when it is
        called again with the same arguments.

    Returns
    -------
    DataFrame : the given columns, then `arrived`, the ledger, `calls`, `max_queue`, `max_in_flight`, the measures of
        `scorecard.measures`, and `all_met`.

    >>> table = sweep(grid(workers=[40, 160, 480]), progress=False)
    >>> table.paid.round().tolist()
    [17086.0, 22492.0, 4957.0]
    """
    import pandas as pd

    columns = _columns(designs)
    fixed = (design, demand, buyers, gateway, targets or Targets(), prices or Prices(), dt)
    size = len(next(iter(columns.values())))
    if chunk < 1:
        raise ParameterError(f"chunk is {chunk}: must be at least 1; the default is {CHUNK}")
    jobs = [{name: column[i : i + chunk] for name, column in columns.items()} for i in range(0, size, chunk)]
    results: list[Any] = [None] * len(jobs)
    with _bar(size, progress) as bar:
        for number, result in _results(jobs, fixed, executor, store):
            results[number] = result
            bar.update(len(result["arrived"]))
    frames = [pd.DataFrame({**job, **result}) for job, result in zip(jobs, results, strict=True)]
    return pd.concat(frames, ignore_index=True)


def _results(
    jobs: list[Columns], fixed: tuple[Any, ...], executor: Executor | None, store: str | Path | None
) -> Iterator[tuple[int, Any]]:
    """(number, result) of each job, as they finish: from the store, from the executor, or from here."""
    kept = [_file(store, job, fixed) for job in jobs] if store is not None else []
    todo = []
    for number, job in enumerate(jobs):
        if kept and kept[number].exists():
            yield number, pickle.loads(kept[number].read_bytes())
        else:
            todo.append((number, job))

    def keep(number: int, result: Any) -> tuple[int, Any]:
        if kept:
            kept[number].parent.mkdir(parents=True, exist_ok=True)
            part = kept[number].with_suffix(".part")
            part.write_bytes(pickle.dumps(result))
            part.replace(kept[number])  # whole or not at all
        return number, result

    if executor is not None and todo:
        waiting: dict[Future[Any], int] = {}
        try:
            waiting = {executor.submit(_play, job, fixed, 1): number for number, job in todo}
            for future in as_completed(list(waiting)):
                number, result = keep(waiting[future], future.result())
                todo = [entry for entry in todo if entry[0] != number]
                yield number, result
        except BrokenProcessPool:
            pass  # its workers died: what they had finished is done, the rest is played here
        finally:
            for future in waiting:
                future.cancel()
    for number, job in todo:
        yield keep(number, _play(job, fixed, None))


def _play(columns: Columns, fixed: tuple[Any, ...], threads: int | None) -> dict[str, Any]:
    """One job, wherever it runs."""
    design, demand, buyers, gateway, targets, prices, dt = fixed
    parts: dict[str, Any] = {"design": design or Design(), "buyers": buyers or Buyers()}
    parts["gateway"] = gateway or PaymentGateway()
    for owner in parts:
        mine = {name: column for name, column in columns.items() if _owner(name)[0] == owner}
        parts[owner] = dataclasses.replace(parts[owner], **mine)
    outcome = simulate(**parts, demand=demand, dt=dt, record=False, threads=threads)
    shape = outcome.shape
    return {name: np.broadcast_to(value, shape) for name, value in summary(outcome, targets, prices).items()}


def _columns(designs: Mapping[str, Any] | Sequence[Design]) -> Columns:
    if isinstance(designs, Sequence):
        if not designs or not all(isinstance(d, Design) for d in designs):
            raise ParameterError("designs is a list that is empty, or not of Design: pass fs.Design(...) objects")
        names = [row.name for row in parameters("design")]
        designs = {name: [getattr(d, name) for d in designs] for name in names}
        designs = {name: values for name, values in designs.items() if len(set(values)) > 1} or {
            "workers": designs["workers"]
        }
    columns = {str(name): np.atleast_1d(np.asarray(designs[name], dtype=np.float64)) for name in designs}
    lengths = {name: len(column) for name, column in columns.items()}
    if not columns or len(set(lengths.values())) > 1 or 0 in lengths.values():
        raise ParameterError(
            f"designs has columns of lengths {lengths}: must be equal and above 0; use grid() or sample()"
        )
    for name in columns:
        _owner(name)
    return columns


def _owner(name: str) -> tuple[str, str]:
    """The owner and name of a field that a sweep may vary."""
    for owner in ("design", "buyers", "gateway"):
        if any(row.name == name for row in parameters(owner)):
            return owner, name
    known = [row.name for owner in ("design", "buyers", "gateway") for row in parameters(owner)]
    raise UnknownParameterError(
        f"{name!r} is no field of Design, Buyers or PaymentGateway: use one of {', '.join(known)}"
    )


def _file(store: str | Path, job: Columns, fixed: tuple[Any, ...]) -> Path:
    """Where a job's result is kept: named by everything it depends on."""
    return Path(store) / f"{hashlib.sha256(pickle.dumps((job, fixed))).hexdigest()[:24]}.chunk"


def _bar(size: int, progress: bool) -> Any:
    from tqdm.auto import tqdm

    return tqdm(total=size, unit=" designs", disable=not progress)
