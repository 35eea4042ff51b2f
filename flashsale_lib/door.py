"""The front door as a station of its own: how fast a buyer hears "you're in the queue", or "no".

It is an M/M/c queue while it keeps up, with a fluid backlog in front once it does not. The waits are those of the mean
request; an answer then takes door_time for a "yes" and refusal_cost * door_time for a "no". The backlog delays
nobody's way into the queue: the door only tells buyers where they stand.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from . import quantiles
from .parameters import FloatArray
from .pieces import HIGHEST_LOAD, LOAD_BINS

# Near a load of 1 the stationary formula describes a state that a rush of seconds never reaches: it is cut at
# HIGHEST_LOAD, and what comes on top is counted as backlog.


def wait_probability(servers: float, load: FloatArray) -> FloatArray:
    """Erlang C for each load (share of the servers that is busy, 0 to 1), cut at `HIGHEST_LOAD`."""
    from .erlang import erlang_c  # brings scipy, which a simulation alone does not need

    result: FloatArray = erlang_c(servers, np.minimum(load, HIGHEST_LOAD) * servers)
    return result


def mean_latency(servers: float, service_time: FloatArray, load: FloatArray, delay: FloatArray) -> FloatArray:
    """Mean accept latency in s: backlog + wait by Erlang C + service, `service_time` that of the mean request."""
    wait = wait_probability(servers, load) / wait_rate(servers, service_time, load)
    result: FloatArray = delay + wait + service_time
    return result


def wait_rate(servers: float, service_time: Any, load: FloatArray) -> FloatArray:
    """Rate of the exponential wait of those who wait: c*mu - lambda = c*(1 - load)/service_time, per second."""
    rate: FloatArray = servers * (1.0 - np.minimum(load, HIGHEST_LOAD)) / service_time
    return rate


def latency_tail(t: FloatArray, waits: FloatArray, rate: FloatArray, service_time: float) -> FloatArray:
    """P(wait + service > t), shape t + load: an exponential wait with probability C = `waits`, then the service.

        P(T > t) = (1 - C) e^(-nu t) + C (theta e^(-nu t) - nu e^(-theta t)) / (theta - nu)

    with theta = `rate` and nu = 1/service_time. For nu = mu this is the sojourn time of M/M/c: D. Gross and
    C. M. Harris, Fundamentals of Queueing Theory.
    """
    nu = 1.0 / max(service_time, 1e-9)
    gap = np.where(np.abs(rate - nu) < 1e-9 * nu, 1e-9 * nu, rate - nu)
    t = t[..., np.newaxis]
    served, waited = np.exp(-nu * t), np.exp(-rate * t)
    tail: FloatArray = (1.0 - waits) * served + waits * (rate * served - nu * waited) / gap
    return tail


@lru_cache(maxsize=64)
def _bins(servers: float) -> tuple[FloatArray, FloatArray]:
    """The load in the middle of each bin, and the probability to wait there."""
    load = -np.expm1(np.log1p(-HIGHEST_LOAD) * (np.arange(LOAD_BINS) + 0.5) / LOAD_BINS)
    return load, wait_probability(servers, load)


def latency_quantile(
    servers: float,
    door_time: float,
    refusal_cost: float,
    admitted: float,
    counts: FloatArray,
    edges: FloatArray,
    q: FloatArray,
) -> FloatArray:
    """Quantiles of the accept latency over a whole drop, in s.

    admitted : share of the requests that were let in.
    counts : requests, first by load in `LOAD_BINS` bins while the door kept up, then by the delay of its backlog in
    the bins between `edges`. NaN where there were no requests.
    """
    counts = counts.astype(np.float64)
    total = counts.sum()
    if not total > 0:
        return np.full(q.size, np.nan)
    steady, late = counts[:LOAD_BINS], counts[LOAD_BINS:]
    met, behind = np.flatnonzero(steady), np.flatnonzero(late)
    load, waits = _bins(servers)
    rate = wait_rate(servers, max(door_time * (admitted + (1.0 - admitted) * refusal_cost), 1e-9), load)
    delay = 0.5 * (edges[behind] + edges[behind + 1])
    answers = ((admitted, door_time), (1.0 - admitted, door_time * refusal_cost))

    def reached(t: FloatArray) -> FloatArray:
        over = t[:, np.newaxis] - delay
        beyond = np.zeros_like(t)
        for share, service in answers:
            beyond += share * (latency_tail(t, waits[met], rate[met], service) @ steady[met])
            full = latency_tail(np.maximum(over, 0.0), waits[-1:], rate[-1:], service)[..., 0]
            beyond += share * (np.where(over > 0.0, full, 1.0) @ late[behind])
        result: FloatArray = 1.0 - beyond / total
        return result

    highest = 60.0 * door_time / (1.0 - HIGHEST_LOAD) + float(delay.max(initial=0.0))
    return quantiles.of_distribution(reached, highest, q)
