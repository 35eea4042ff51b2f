"""The front door as a station of its own: how fast a buyer hears "you're in the queue", or "no".

It is an M/M/c queue while it keeps up, with a fluid backlog in front once it does not. The waits are those of the mean
request; an answer then takes door_time for a "yes" and refusal_cost * door_time for a "no". The backlog delays
nobody's way into the queue: the door only tells buyers where they stand.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..parameters import FloatArray
from . import quantiles
from .pieces import HIGHEST_LOAD, LOAD_BINS

# Near a load of 1 the stationary formula describes a state that a rush of seconds never reaches: it is cut at
# HIGHEST_LOAD, and what comes on top is counted as backlog.


def wait_probability(servers: float, load: FloatArray) -> FloatArray:
    """Erlang C for each load (share of the servers that is busy, 0 to 1), cut at `HIGHEST_LOAD`."""
    from ..formulas.erlang import erlang_c  # brings scipy, which a simulation alone does not need

    result: FloatArray = erlang_c(servers, np.minimum(load, HIGHEST_LOAD) * servers)
    return result


def mean_latency(servers: float, service_time: FloatArray, load: FloatArray, delay: FloatArray) -> FloatArray:
    """Mean accept latency in s: backlog + wait by Erlang C + service, `service_time` that of the mean request."""
    wait = wait_probability(servers, load) / wait_rate(servers, service_time, load)
    result: FloatArray = delay + wait + service_time
    return result


def wait_rate(servers: Any, service_time: Any, load: FloatArray) -> FloatArray:
    """Rate of the exponential wait of those who wait: c*mu - lambda = c*(1 - load)/service_time, per second."""
    rate: FloatArray = servers * (1.0 - np.minimum(load, HIGHEST_LOAD)) / service_time
    return rate


def latency_tail(t: FloatArray, waits: FloatArray, rate: FloatArray, service_time: FloatArray) -> FloatArray:
    """P(wait + service > t): an exponential wait with probability C = `waits`, then the service. All broadcast.

        P(T > t) = e^(-nu t) + C nu (e^(-theta t) - e^(-nu t))/(nu - theta)

    with theta = `rate` and nu = 1/service_time (for theta = nu, the quotient is t e^(-nu t)). For nu = mu this is the
    sojourn time of M/M/c: D. Gross and C. M. Harris, Fundamentals of Queueing Theory.
    """
    nu = 1.0 / np.maximum(service_time, 1e-9)
    apart, slow = np.abs(rate - nu), np.minimum(rate, nu)
    quotient = np.where(apart > 0.0, -np.expm1(-apart * t) / np.where(apart > 0.0, apart, 1.0), t)
    tail: FloatArray = np.exp(-nu * t) + waits * nu * np.exp(-slow * t) * quotient
    return tail


@lru_cache(maxsize=64)
def _bins(servers: float) -> tuple[FloatArray, FloatArray]:
    """The load in the middle of each bin, and the probability to wait there."""
    load = -np.expm1(np.log1p(-HIGHEST_LOAD) * (np.arange(LOAD_BINS) + 0.5) / LOAD_BINS)
    return load, wait_probability(servers, load)


def latency_quantiles(
    servers: FloatArray,
    door_time: FloatArray,
    refusal_cost: FloatArray,
    admitted: FloatArray,
    counts: NDArray[np.floating[Any]],
    edges: FloatArray,
    q: FloatArray,
) -> FloatArray:
    """Quantiles of the accept latency over whole drops, in s: one row per scenario, one column per q.

    admitted : share of the requests that were let in.
    counts : requests, first by load in `LOAD_BINS` bins while the door kept up, then by the delay of its backlog in
    the bins between `edges`. NaN where there were no requests.
    """
    result = np.full((len(counts), q.size), np.nan)
    late = counts[:, LOAD_BINS:]
    met = np.flatnonzero(counts[:, :LOAD_BINS].any(axis=0))  # loads, and below delays, that any scenario met
    behind = np.flatnonzero(late.any(axis=0))
    delay = 0.5 * (edges[behind] + edges[behind + 1])
    for first in range(0, len(counts), 250):  # bounds the memory
        rows = np.arange(first, min(first + 250, len(counts)))
        total = counts[rows].sum(axis=1, dtype=np.float64)
        rows, total = rows[total > 0], total[total > 0]
        if not rows.size:
            continue
        load, waits = (np.array(x) for x in zip(*(_bins(float(c)) for c in servers[rows]), strict=True))
        yes, time, cost = (x[rows, np.newaxis] for x in (admitted, door_time, refusal_cost))
        rate = wait_rate(servers[rows, np.newaxis], np.maximum(time * (yes + (1.0 - yes) * cost), 1e-9), load)
        answers = ((yes, time), (1.0 - yes, time * cost))
        steady = counts[rows][:, met] / total[:, np.newaxis]
        delayed = late[rows][:, behind] / total[:, np.newaxis]

        def reached(
            t: FloatArray,
            answers: Any = answers, steady: Any = steady, delayed: Any = delayed, waits: Any = waits, rate: Any = rate,
        ) -> FloatArray:  # fmt: skip
            beyond = np.zeros_like(t)
            for share, service in answers:
                for i in range(t.shape[1]):
                    at = t[:, i : i + 1]
                    tail = np.sum(latency_tail(at, waits[:, met], rate[:, met], service) * steady, axis=1)
                    over = at - delay
                    full = latency_tail(np.maximum(over, 0.0), waits[:, -1:], rate[:, -1:], service)
                    tail += np.sum(np.where(over > 0.0, full, 1.0) * delayed, axis=1)
                    beyond[:, i] += share[:, 0] * tail
            result: FloatArray = 1.0 - beyond
            return result

        highest = 60.0 * door_time[rows] / (1.0 - HIGHEST_LOAD) + float(delay.max(initial=0.0))
        result[rows] = quantiles.of_distribution(reached, highest[:, np.newaxis], q, halvings=40)
    return result
