"""Runs the step: compiled with numba where it can be imported, as plain Python where it cannot, over any batch."""

from __future__ import annotations

import os
import threading
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..parameters import FloatArray
from . import pieces, policies, step
from .compiler import compile_functions

WAIT_BINS = 2000


@lru_cache(maxsize=16)
def wait_edges(window: float) -> FloatArray:
    """Edges of the bins in which waits are counted: none below a hundredth of a second, then about 0.6 % wide."""
    edges = np.concatenate(([0.0], np.geomspace(min(0.01, window / 1e4), window, WAIT_BINS)))
    edges.flags.writeable = False  # shared by all who ask
    return edges


def _array(count: int) -> FloatArray:
    return np.zeros(count)


_compiling = threading.Lock()


def compiled() -> Callable[..., None] | None:
    """The step compiled by numba, or None where it cannot be."""
    with _compiling:  # threads that come first together wait for one compiler, whose cache folder is a global setting
        return _compiled()


def _unlock() -> None:
    """A lock that another thread holds during a fork would stay shut in the child, where nobody is left to open it."""
    global _compiling
    _compiling = threading.Lock()


if hasattr(os, "register_at_fork"):  # pragma: no branch
    os.register_at_fork(after_in_child=_unlock)


@cache
def _compiled() -> Callable[..., None] | None:
    functions = compile_functions(pieces, policies, step, zeros=_array)
    return functions["run_many"] if functions else None


def play(
    scenarios: Any,
    arrivals: FloatArray,
    demand: Any,
    dt: float,
    brownouts: tuple[FloatArray, FloatArray, FloatArray],
    record: bool,
    use_numba: bool | None,
    threads: int | None,
) -> tuple[FloatArray, FloatArray, NDArray[np.float32], NDArray[np.float32], FloatArray]:
    """Play every row of the record array `scenarios`; the arrays come back as (totals, peaks, waits, accepts,
    series)."""
    count, steps = len(scenarios), arrivals.shape[-1]
    run_many = None if use_numba is False else compiled()
    if use_numba and run_many is None:
        raise ImportError(
            "compiled=True, but numba cannot be imported, or FLASHSALE_COMPILE=0 forbids it; leave compiled unset"
        )
    totals = np.zeros((count, step.FIELDS))
    peaks = np.zeros((count, step.PEAKS))
    waits = np.zeros((count, WAIT_BINS), dtype=np.float32)  # half the memory: it is most of a sweep
    accepts = np.zeros((count, pieces.LOAD_BINS + WAIT_BINS), dtype=np.float32)
    series = np.zeros((count, step.FIELDS + 1 if record else 0, steps + 1))
    given = (arrivals, demand, dt, *brownouts)
    kept = (totals, peaks, waits, accepts, wait_edges(steps * dt), series)
    if run_many is None:
        # Python's own floats and lists: arithmetic on NumPy's scalars would take twice as long.
        names = scenarios.dtype.names
        plain = [types.SimpleNamespace(**dict(zip(names, row.tolist(), strict=True))) for row in scenarios]
        lists = [x.tolist() if isinstance(x, np.ndarray) else x for x in given]
        run_plain: Any = step.run_many
        run_plain(plain, 0, count, *lists, *kept)
    elif (workers := min(threads or os.cpu_count() or 1, count)) == 1:
        run_many(scenarios, 0, count, *given, *kept)
    else:
        # Small blocks, so that a core which met quick scenarios takes on more.
        bounds = np.unique(np.linspace(0, count, 8 * workers + 1).astype(int))
        pool = ThreadPoolExecutor(workers)
        try:
            jobs = [pool.submit(run_many, scenarios, a, b, *given, *kept) for a, b in pairwise(bounds)]
            for job in jobs:
                job.result()
        finally:
            pool.shutdown(cancel_futures=True)  # an interrupt does not wait for the rest of the sweep
    return tuple(map(_frozen, (totals, peaks, waits, accepts, series)))


def _frozen(array: Any) -> Any:
    """Read-only: outcomes hand out views, and a learner's `revenue *= 60` must not rewrite the ledger."""
    array.flags.writeable = False
    return array
