"""Thousands of designs: a grid, a random sample or a list, played in chunks, to one tidy table."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.demand import Demand
from ..model.drop import lay_out, simulate
from ..model.outcome import PLACES, Outcome
from ..model.scenario import Buyers, Design, PaymentGateway
from ..parameters import FloatArray, Parameter, ParameterError, UnknownParameterError, owned, parameter, parameters
from .cost import Prices
from .scorecard import Targets, all_met, measures

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 250
"""Scenarios in one job: a fifth of a second of work, and 5 MB of memory."""

Columns = dict[str, FloatArray]


def grid(**values: Any) -> pd.DataFrame:
    """Every combination of the given values, one row each, the last name changing fastest.

    >>> grid(workers=[80, 160], attempts=[1, 3]).workers.tolist()
    [80.0, 80.0, 160.0, 160.0]
    """
    import pandas as pd

    try:
        axes = [np.asarray(value, dtype=np.float64) for value in values.values()]
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"the grid has a value that is not a number: {error}; pass numbers by field name"
        ) from None
    crossed = np.meshgrid(*axes, indexing="ij")
    return pd.DataFrame({name: axis.ravel() for name, axis in zip(values, crossed, strict=True)})


def sample(n: int, seed: int = 0, **ranges: tuple[float, float]) -> pd.DataFrame:
    """`n` random designs, one row each: each named field between two bounds, evenly, or evenly in the logarithm where its slider is.

    Whole numbers and flags are rounded. The same seed gives the same designs.

    >>> designs = sample(3, workers=(10, 800), queue_limit=(100, 20_000))
    >>> sorted(designs), len(designs)
    (['queue_limit', 'workers'], 3)
    """
    import pandas as pd

    if n < 1:
        raise ParameterError(f"n is {n}: must be at least 1; ask for one design or more")
    random = np.random.default_rng(seed)
    columns = {}
    for name, (low, high) in ranges.items():
        row = _field(name)
        if not -np.inf < low <= high < np.inf or (row.slider.log and low <= 0):
            raise ParameterError(
                f"the range of {name} is ({low}, {high}): must be finite and rise, from above 0 on a log scale; swap or move "
                "its ends"
            )
        drawn = random.random(n)
        column = low * (high / low) ** drawn if row.slider.log else low + (high - low) * drawn
        columns[name] = np.round(column) if row.whole or row.flag else column
    return pd.DataFrame(columns)


def summary(outcome: Outcome, targets: Targets, prices: Prices) -> dict[str, Any]:
    """The columns a sweep reports: the ledger, peaks, the measures of the scorecard, and whether all targets are met."""
    columns = {name: getattr(outcome, name) for name in ("arrived", *PLACES, "calls", "max_queue", "max_in_flight")}
    measured = measures(outcome, prices)
    return {**columns, **measured, "all_met": all_met(measured, targets)}


def sweep(
    designs: Mapping[str, Any] | pd.DataFrame | Sequence[Design],
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
    progress: bool | Callable[[int, int], None] = True,
    store: str | Path | None = None,
) -> pd.DataFrame:
    """Play many designs; a tidy table with one row each, in their order.

    Parameters
    ----------
    designs : a dict of values by field name, of `Design`, `Buyers` or `PaymentGateway`: every combination is played.
        Or a DataFrame with such columns, as `sample` makes it: every row is. Or a list of `Design`. What they leave
        out is as in `design`, `buyers`, `gateway`.
    design, demand, buyers, gateway, targets, prices, dt : the same for all rows, so scalars. Defaults as in `simulate`.
    executor : any `concurrent.futures.Executor` (threads, processes, Dask's `Client.get_executor()`, ...) that plays
        the chunks. Without one, they are played here, on all cores. Should it break, the rest is played here.
    chunk : designs in one job; memory grows with this and with the table, not with the number of designs at once.
    progress : show a progress bar, on stderr. Or a function: it is called with how many designs are done, and how many
        there are, and ends the sweep by raising (`fs.jobs.Job` passes one, for its bar and its cancel button).
    store : a folder in which each finished chunk is kept. A sweep that was interrupted goes on from there when it is
        called again with the same arguments. It does not notice a new version of this library: then, empty it.

    Returns
    -------
    DataFrame : the given columns (of a list, the fields that differ), then `arrived`, the ledger, `calls`, `max_queue`,
        `max_in_flight`, the measures of `scorecard.measures`, and `all_met`.

    Raises
    ------
    ParameterError : a name that is no field, a value out of bounds (with its row), columns of different lengths, no
        designs, an array where all rows share one value. Nothing is played then.

    >>> table = sweep({"workers": [40, 160, 480]}, progress=False)
    >>> table.paid.round().tolist()
    [17086.0, 22492.0, 4957.0]
    """
    import pandas as pd

    if chunk < 1:
        raise ParameterError(f"chunk is {chunk}: must be at least 1; the default is {CHUNK}")
    columns, design = _columns(designs, design)
    world = World(design, demand, buyers, gateway, targets or Targets(), prices or Prices(), dt)
    world.check(columns)
    size = len(next(iter(columns.values())))
    jobs = [{name: column[i : i + chunk] for name, column in columns.items()} for i in range(0, size, chunk)]
    results: list[Any] = [None] * len(jobs)
    done, report = 0, progress if callable(progress) else None
    with _bar(size, progress is True) as bar:
        for number, result in _results(jobs, world, executor, store):
            results[number] = result
            done += len(result["arrived"])
            bar.update(len(result["arrived"]))
            if report is not None:
                report(done, size)
    frames = [pd.DataFrame({**job, **result}) for job, result in zip(jobs, results, strict=True)]
    return pd.concat(frames, ignore_index=True)


@dataclass(frozen=True)
class World:
    """What is the same for all designs of a sweep."""

    design: Design | None
    demand: Demand | None
    buyers: Buyers | None
    gateway: PaymentGateway | None
    targets: Targets
    prices: Prices
    dt: float

    def parts(self, columns: Columns) -> dict[str, Any]:
        """The arguments of `simulate`, with the columns in their places."""
        parts: dict[str, Any] = {"design": self.design or Design(), "buyers": self.buyers or Buyers()}
        parts["gateway"] = self.gateway or PaymentGateway()
        for owner in parts:
            mine = {name: column for name, column in columns.items() if _field(name).owner == owner}
            parts[owner] = dataclasses.replace(parts[owner], **mine)
        return {**parts, "demand": self.demand}

    def check(self, columns: Columns) -> None:
        """Raise what playing would raise, before anything is played: then, rows are counted over the whole table."""
        shape = lay_out(self.design, self.demand, self.buyers, self.gateway).shape
        money = [
            getattr(part, field.name) for part in (self.targets, self.prices) for field in dataclasses.fields(part)
        ]
        if shape or any(np.ndim(value) for value in money):
            raise ParameterError(
                "an array is given for what all designs of a sweep share: must be scalars; make it a column of designs, or "
                "sweep once per value"
            )
        self.parts(columns)


def _results(
    jobs: list[Columns], world: World, executor: Executor | None, store: str | Path | None
) -> Iterator[tuple[int, Any]]:
    """(number, result) of each job, as they finish: from the store, from the executor, or from here."""
    todo = dict(enumerate(jobs))
    kept = {} if store is None else _files(Path(store), jobs, world)
    for number, file in kept.items():
        if file.exists():
            del todo[number]
            with np.load(file) as arrays:
                yield number, dict(arrays)

    def keep(number: int, result: Any) -> tuple[int, Any]:
        del todo[number]
        if number in kept:
            kept[number].parent.mkdir(parents=True, exist_ok=True)
            part = kept[number].with_suffix(".part")
            with part.open("wb") as file:
                np.savez(file, **result)
            part.replace(kept[number])  # whole or not at all
        return number, result

    if executor is not None:
        waiting: dict[Future[Any], int] = {}
        try:
            for number, job in todo.items():
                waiting[executor.submit(_play, job, world, 1)] = number
            for future in as_completed(waiting):
                yield keep(waiting[future], future.result())
        except BrokenExecutor:
            pass  # its workers died: what they had finished is done, the rest is played here
        finally:
            for future in waiting:
                future.cancel()
    for number, job in list(todo.items()):
        yield keep(number, _play(job, world, None))


def _play(columns: Columns, world: World, threads: int | None) -> dict[str, Any]:
    """One job, wherever it runs."""
    outcome = simulate(**world.parts(columns), dt=world.dt, record=False, threads=threads)
    return {name: np.array(value) for name, value in summary(outcome, world.targets, world.prices).items()}


def _columns(designs: Any, design: Design | None) -> tuple[Columns, Design | None]:
    """Columns of numbers by field name, and the design with what they leave out."""
    if isinstance(designs, Mapping):
        designs = grid(**designs)
    elif not hasattr(designs, "columns"):  # nor a DataFrame
        if not isinstance(designs, Sequence) or not designs or not all(isinstance(d, Design) for d in designs):
            raise ParameterError(
                "designs is empty, or neither columns nor a list of Design: pass a dict of values, sample(...) or [Design(...), ...]"
            )
        if design is not None:
            raise ParameterError("design is given beside a list of Design, which leave nothing to it; leave it out")
        fields = {row.name: [getattr(d, row.name) for d in designs] for row in parameters("design")}
        if any(np.ndim(value) for values in fields.values() for value in values):
            raise ParameterError(
                "a Design in the list has an array: must be one design each; pass columns by field name"
            )
        differing = {name: values for name, values in fields.items() if len(set(values)) > 1}
        designs, design = differing or {"workers": fields["workers"]}, designs[0]
    for name in designs:
        _field(name)
    try:
        columns = {name: np.asarray(designs[name], dtype=np.float64) for name in designs}
    except (TypeError, ValueError) as error:
        raise ParameterError(f"designs has a column that is not of numbers: {error}; pass one number per row") from None
    if not all(column.size for column in columns.values()) or not columns:
        raise ParameterError(f"designs has no rows under {list(columns)}: must hold at least one design; give values")
    return columns, design


def _field(name: str) -> Parameter:
    """The row of a field that a sweep may vary."""
    owners = ("design", "buyers", "gateway")
    row = owned(name, owners)
    if row is None:
        known = [row.name for owner in owners for row in parameters(owner)]
        raise UnknownParameterError(
            f"{name!r} is no field of Design, Buyers or PaymentGateway: use one of {', '.join(known)}"
        )
    return row


def _files(store: Path, jobs: list[Columns], world: World) -> dict[int, Path]:
    """Where each job's result is kept: named by everything it depends on."""
    common = hashlib.sha256(repr(_plain(world)).encode())
    files = {}
    for number, job in enumerate(jobs):
        name = common.copy()
        name.update(repr(_plain(job)).encode())
        files[number] = store / f"{name.hexdigest()[:24]}.npz"
    return files


def _plain(value: Any) -> Any:
    """The value in Python's own types, whose repr is the same for equal values in any session (a pickle's is not)."""
    if dataclasses.is_dataclass(value):
        value = vars(value)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return np.asarray(value).tolist()


def _bar(size: int, progress: bool) -> Any:
    from tqdm.auto import tqdm

    return tqdm(total=size, unit=" designs", disable=not progress)
