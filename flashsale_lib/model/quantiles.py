"""Quantiles of times that buyers experienced, weighted by the buyers: from binned counts, or from a mixture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..parameters import FloatArray, ParameterError


def share(q: Any) -> FloatArray:
    """The quantile asked for, checked: shares from 0 to 1, any shape."""
    values = np.asarray(q)
    if values.dtype.kind not in "iuf" or np.any(~((values >= 0) & (values <= 1))):
        raise ParameterError(f"quantile q is {q!r}: must be a share from 0 to 1; for the 95th percentile pass 0.95")
    return values.astype(np.float64)


def shaped(rows: list[FloatArray] | FloatArray, batch: tuple[int, ...], q: FloatArray) -> Any:
    """One row of quantiles per scenario, as batch shape + shape of q; a float for one scenario and one q."""
    result = np.array(rows).reshape((*batch, *q.shape))
    return float(result) if result.ndim == 0 else result


def from_bins(counts: FloatArray, longest: float, edges: FloatArray, q: FloatArray) -> FloatArray:
    """Quantiles from counts per bin, linear inside a bin and at most `longest`, the highest value that was counted.

    The first bin counts as 0. NaN where nobody was counted.
    """
    below = np.cumsum(counts, dtype=np.float64)
    if not below[-1] > 0:
        return np.full(q.size, np.nan)
    at = q.ravel() * below[-1]
    bin_ = np.minimum(np.searchsorted(below, at, side="left"), len(counts) - 1)
    before = np.where(bin_ > 0, below[bin_ - 1], 0.0)
    inside = np.clip((at - before) / np.maximum(below[bin_] - before, 1e-300), 0.0, 1.0)
    values = np.minimum(edges[bin_] + inside * (edges[bin_ + 1] - edges[bin_]), longest)
    return np.where(bin_ == 0, 0.0, values)


def of_distribution(
    reached: Callable[[FloatArray], FloatArray], highest: Any, q: FloatArray, halvings: int = 60
) -> FloatArray:
    """Smallest t with P(T <= t) >= q, by bisection on the distribution function `reached` from 0 to `highest`.

    `highest` may have one row per scenario; the result then has, too, and `reached` is asked for all of them at once.
    """
    high = np.broadcast_to(highest, (*np.shape(highest)[:-1], q.size)).astype(np.float64)
    low = np.zeros_like(high)
    for _ in range(halvings):
        middle = 0.5 * (low + high)
        enough = reached(middle) >= q.ravel()
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def of_calls(
    weight: FloatArray,
    wait: FloatArray,
    response: FloatArray,
    refused: FloatArray,
    timeout: float,
    error_time: float,
    q: FloatArray,
) -> FloatArray:
    """Quantiles of wait + call: buyers with weights, each after its own wait, in a call of exponential length.

    Its mean is `response`, cut at `timeout`; or, for a share `refused` of them, `error_time`. NaN where the weights
    are all 0.
    """
    some = weight > 0
    if not some.any():
        return np.full(q.size, np.nan)
    weight, wait, response, refused = weight[some] / weight[some].sum(), wait[some], response[some], refused[some]

    def reached(t: FloatArray) -> FloatArray:
        call = t[:, np.newaxis] - wait
        started = np.maximum(call, 0.0)
        taken = np.where(call >= timeout, 1.0, -np.expm1(-started / response))
        done = (1.0 - refused) * taken - refused * np.expm1(-started / error_time)
        result: FloatArray = done @ weight
        return result

    longest = np.maximum(np.minimum(timeout, 60.0 * response), 60.0 * error_time)
    return of_distribution(reached, float(np.max(wait + longest)), q)
