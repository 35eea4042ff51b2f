"""The front door as a station of its own: how fast a buyer hears "you're in the queue", or "no"."""

from __future__ import annotations

import numpy as np

from . import quantiles
from .parameters import FloatArray
from .step import LOAD_BINS

HIGHEST_LOAD = 0.99
"""Load above which the stationary formula is not used: near 1 it describes a state that a rush of seconds never reaches."""


def wait_probability(servers: float, load: FloatArray) -> FloatArray:
    """Erlang C for each load (share of the servers that is busy, 0 to 1), cut at `HIGHEST_LOAD`."""
    from .erlang import erlang_c  # brings scipy, which a simulation alone does not need

    result: FloatArray = erlang_c(servers, np.minimum(load, HIGHEST_LOAD) * servers)
    return result


def mean_latency(servers: float, service_time: float, load: FloatArray, delay: FloatArray) -> FloatArray:
    """Mean accept latency in s: backlog + wait by Erlang C (while there is no backlog) + service."""
    load = np.minimum(load, HIGHEST_LOAD)
    wait = wait_probability(servers, load) * service_time / (servers * (1.0 - load))
    return np.where(delay > 0.0, delay, wait) + service_time


def latency_tail(t: FloatArray, servers: float, service_time: float, load: FloatArray) -> FloatArray:
    """P(latency > t) of an M/M/c queue, shape (t, load): wait and service together.

        P(T > t) = exp(-mu t) * (1 + C * (1 - exp(-mu t (c - 1 - a))) / (c - 1 - a))

    with a = c*load and C = Erlang C. Source: D. Gross and C. M. Harris, Fundamentals of Queueing Theory, M/M/c.
    """
    load = np.minimum(load, HIGHEST_LOAD)
    waits = wait_probability(servers, load)
    slack = servers - 1.0 - servers * load
    slack = np.where(np.abs(slack) < 1e-9, 1e-9, slack)
    x = (t / service_time)[:, np.newaxis]
    tail: FloatArray = np.exp(-x) + waits * (np.exp(-x) - np.exp(-x * (1.0 + slack))) / slack
    return tail


def latency_quantile(
    servers: float, service_time: float, counts: FloatArray, edges: FloatArray, q: FloatArray
) -> FloatArray:
    """Quantiles of the accept latency over a whole drop.

    counts : requests, first by load in `LOAD_BINS` bins while the door kept up, then by the delay of its backlog in
    the bins between `edges`. NaN where there were no requests.
    """
    counts = counts.astype(np.float64)
    total = counts.sum()
    if not total > 0:
        return np.full(q.size, np.nan)
    steady, late = counts[:LOAD_BINS], counts[LOAD_BINS:]
    met, behind = np.flatnonzero(steady), np.flatnonzero(late)
    load = (met + 0.5) / LOAD_BINS
    delay = 0.5 * (edges[behind] + edges[behind + 1])

    def reached(t: FloatArray) -> FloatArray:
        beyond = latency_tail(t, servers, service_time, load) @ steady[met]
        after = np.exp(-np.maximum(t[:, np.newaxis] - delay, 0.0) / service_time) @ late[behind]
        result: FloatArray = 1.0 - (beyond + after) / total
        return result

    highest = 60.0 * service_time / (1.0 - HIGHEST_LOAD) + float(delay.max(initial=0.0))
    return quantiles.of_distribution(reached, highest, q)
