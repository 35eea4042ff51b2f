"""Erlang A: many servers and a queue of buyers who lose patience (M/M/c+M), in steady state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..parameters import FloatArray, ParameterError, check, plain
from . import erlang_kernels as kernels
from .erlang import (
    ARRIVAL_RATE,
    CAPACITY,
    LEAST,
    MOST,
    SERVICE_RATE,
    TIME,
    WHOLE_SERVERS,
    MMc,
    MMcK,
    Station,
    arrays,
    enough_room,
    mmc,
    mmck,
    quietly,
    row,
)

PATIENCE = row("patience", "1/θ", "s", LEAST, MOST, "mean time until a waiting buyer gives up", unlimited=True)


@dataclass(frozen=True, eq=False)
class ErlangA(Station):
    """M/M/c+M in steady state: see `erlang_a`."""

    patience: Any
    """1/θ, mean patience, s."""
    capacity: Any
    """K, room in the whole station; infinite by default."""
    p_block: Any
    """Share of arrivals turned away because the station is full."""
    p_abandon: Any
    """Share of arrivals who give up while waiting."""
    p_served: Any
    """Share of arrivals who are served."""
    p_abandon_waiting: Any
    """Share of those who wait who give up."""

    def _tail(self, t: FloatArray) -> FloatArray:
        return self._waits(t)[0]

    def served_within(self, t: Any) -> Any:
        """Share of all arrivals who are served after at most `t` seconds in the queue (the service level).

        1 - served_within - wait_tail is the share who have given up by then. Broadcasts with the station.

        >>> erlang_a(arrival_rate=2, service_rate=0.5, servers=4, patience=30).served_within([0, 10]).round(3).tolist()
        [0.181, 0.91]
        """
        t = arrays(t=check(TIME, t), station=self.p_wait)[0]
        return plain(quietly(self._waits, t)[1])

    def _waits(self, t: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(P(wait > t), P(served and wait <= t)).

        All from the density of the wait of a buyer who would never give up (Baccelli and Hebuterne 1981),

            f(v) ∝ exp(-cμv + (λ/θ)(1 - e^(-θv)))

        an incomplete gamma function of order k = cμ/θ, at λ/θ and at λ e^(-θt)/θ. Which of its two sides is used,
        and in which units, depends on the side of k the two arguments are on, so that nothing cancels or overflows.
        """
        if not np.all(np.isinf(self.capacity)):
            raise ParameterError(
                f"erlang.capacity is {np.min(self.capacity):g} (buyers): single waits need unlimited room, there is no "
                "formula here for less; pass capacity infinity, or use twin()"
            )
        patient = np.isinf(self.patience)
        lam, mu, c, patience, p_wait, t = np.broadcast_arrays(
            self.arrival_rate, self.service_rate, self.servers, np.where(patient, 1.0, self.patience), self.p_wait, t
        )
        k, a = c * mu * patience, lam * patience
        aged = t / patience
        later = np.where(np.isinf(t), 0.0, a * np.exp(-aged))
        free, busy = kernels.free_and_busy(k, a)
        free_later, busy_later = kernels.free_and_busy(k, later)
        exactly, exactly_later = np.exp(kernels.log_poisson(k, a)), np.exp(kernels.log_poisson(k, later))
        over, still = a >= k, later >= k  # overloaded, and also for those who have waited t
        all_busy = 1.0 - exactly * free  # P(N >= k), used where over
        fallen = np.expm1(-aged)
        growth = np.where(aged < 0.5, kernels.gap(fallen, -aged), aged + fallen)
        decay = np.where(np.isinf(t), 0.0, np.exp(-((c * mu - lam) * t + a * growth)))
        # In units of the share who wait: P(V > t), then (k/a) P(V > t, served), without and with the overload.
        left = np.where(
            over,
            np.where(still, 1.0 - exactly_later * free_later, exactly_later * busy_later) / all_busy,
            decay * busy_later / busy,
        )
        rest = np.where(over, exactly_later / all_busy, decay / busy) * (busy_later - 1.0)
        soon = np.where(
            still,
            (exactly_later * (1.0 + free_later) - exactly * (1.0 + free)) / all_busy,
            1.0 - 1.0 / busy - rest,
        )
        at_once = 1.0 / (1.0 + busy / kernels.free_ratio(c, lam / mu))
        within = np.where(a > 0, at_once + p_wait / a * k * soon, 1.0)
        tail = np.where(np.isinf(t), 0.0, p_wait * left * np.exp(-aged))
        if not patient.any():
            return tail, within
        endless = MMc(**{name: getattr(self, name) for name in MMc.__dataclass_fields__})._tail(t)
        return np.where(patient, endless, tail), np.where(patient, 1.0 - endless, within)


def erlang_a(
    arrival_rate: Any, service_rate: Any, servers: Any, patience: Any, capacity: Any = float("inf")
) -> ErlangA:
    """Erlang A (M/M/c+M): as `mmc`, but a waiting buyer gives up after an exponential time of mean `patience`.

        p_n ∝ (λ/μ)^n/n! for n <= c, then times λ/(cμ + jθ) for the j-th buyer in the queue; p_abandon = θ queue/λ

    Parameters (any shapes that broadcast)
    ----------
    arrival_rate : λ, buyers/s, 0 to 1e15. Any load: impatience always finds a steady state.
    service_rate : μ, buyers/s of one busy server, 1e-15 to 1e15.
    servers : c, a whole number, 1 to 1e9.
    patience : 1/θ, s, 1e-15 to 1e15; infinity gives `mmc` (or `mmck`).
    capacity : K, buyers waiting or in service, a whole number from `servers` to 1e15, or infinity. Finite: one by one,
        by summing the states (about 0.3 ms each), and without wait_tail, wait_quantile and served_within.

    Returns
    -------
    `ErlangA` with p_wait, p_abandon, p_served, p_block (shares of all arrivals), p_abandon_waiting (of those who
    wait), wait and sojourn (mean times in the queue, and in queue and service, of those let in, whether served or given
    up), queue, in_system, utilisation, throughput (buyers served per second), p_empty; each in the common shape (a float
    for scalars); and wait_tail(t), wait_quantile(q) (of all arrivals, whether served or given up), served_within(t).

    Raises
    ------
    ParameterError : a value out of range or NaN (with its index), capacity below servers, or shapes that do not fit.

    >>> station = erlang_a(arrival_rate=100 / 30, service_rate=1 / 3, servers=14, patience=5)
    >>> round(station.p_wait, 5), round(station.utilisation, 6), round(station.served_within(1 / 3), 6)
    (0.14526, 0.704297, 0.916792)

    Reference: values as printed in the tests of pyworkforce 0.5.4 (times in minutes); O. Garnett, A. Mandelbaum and
    M. Reiman (2002), Designing a call center with impatient customers, Manufacturing & Service Operations Management 4(3).
    """
    lam, mu, c, waits, room = arrays(
        arrival_rate=check(ARRIVAL_RATE, arrival_rate),
        service_rate=check(SERVICE_RATE, service_rate),
        servers=check(WHOLE_SERVERS, servers),
        patience=check(PATIENCE, patience),
        capacity=check(CAPACITY, capacity),
    )
    enough_room(room, c)
    with np.errstate(all="ignore"):
        found = _open(lam, mu, c, np.where(np.isinf(waits), 1.0, waits))
        found = {name: np.array(value) for name, value in found.items()}
        for i in np.flatnonzero(np.isfinite(room) & np.isfinite(waits)):
            cut = _cut(*(float(x.flat[i]) for x in (lam, mu, c, waits, room)))
            for name, value in cut.items():
                found[name].flat[i] = value
    if np.any(np.isinf(waits)):
        _overlay(found, mmc(lam, mu, c), np.isinf(waits) & np.isinf(room))
        _overlay(found, mmck(lam, mu, c, room), np.isinf(waits) & np.isfinite(room))
    inputs = {"arrival_rate": lam, "service_rate": mu, "servers": c, "patience": waits, "capacity": room}
    return ErlangA(**{name: plain(value) for name, value in (inputs | found).items()})


def _overlay(found: dict[str, FloatArray], patient: MMc | MMcK, where: Any) -> None:
    """Where nobody loses patience, the values of the station without impatience, as shares of all arrivals."""
    values = {name: np.asarray(getattr(patient, name)) for name in found if hasattr(patient, name)}
    served = np.where(patient.arrival_rate > 0, patient.throughput / np.maximum(patient.arrival_rate, 1e-300), 1.0)
    if isinstance(patient, MMcK):
        values["p_wait"] = values["p_wait"] * served  # of all arrivals
    values |= {"p_served": served, "p_abandon": np.zeros(()), "p_abandon_waiting": np.zeros(())}
    for name, value in values.items():
        found[name][where] = np.broadcast_to(value, where.shape)[where]


def _named(p_wait: Any, p_abandon: Any, p_served: Any, waiting: Any, p_block: Any, empty: Any,
           lam: Any, mu: Any, c: Any, wait: Any, queue: Any) -> dict[str, Any]:  # fmt: skip
    throughput = lam * p_served
    return {
        "p_wait": p_wait, "p_abandon": p_abandon, "p_served": p_served, "p_abandon_waiting": waiting,
        "p_block": p_block, "p_empty": empty, "utilisation": throughput / (c * mu), "wait": wait, "queue": queue,
        "sojourn": wait + p_served / mu, "in_system": queue + throughput / mu, "throughput": throughput,
    }  # fmt: skip


def _open(lam: FloatArray, mu: FloatArray, c: FloatArray, patience: FloatArray) -> dict[str, FloatArray]:
    """Unlimited room: two pairs of ratios, of the servers and of the line."""
    a, k, line_load = (np.asarray(x) for x in (lam / mu, c * mu * patience, lam * patience))
    free = kernels.free_ratio(c, a)
    busy = kernels.free_and_busy(k, line_load)[1]
    p_wait = 1.0 / (1.0 + free / busy)
    line = kernels.mean_line(k, line_load, busy)
    waiting = np.where(line_load > 0, line / line_load, 1.0 / (k + 1.0))
    p_abandon = p_wait * waiting
    # At a high load not as 1 - p_abandon: from those served at once and those served from the line.
    ratio = free / busy
    served = (ratio + (c / a) * (1.0 - 1.0 / busy)) / (1.0 + ratio)
    p_served = np.where(p_abandon < 0.5, 1.0 - p_abandon, served)
    empty = np.exp(kernels.log_empty(c, a, free, free + busy))
    return _named(p_wait, p_abandon, p_served, waiting, np.zeros_like(a), empty, lam, mu, c,
                  p_abandon * patience, p_wait * line)  # fmt: skip


def _cut(lam: float, mu: float, c: float, patience: float, room: float) -> dict[str, Any]:
    """Limited room: the states of the line are summed."""
    a = np.array(lam / mu)
    servers = np.array(c)
    first, lower, last, inner, moment = kernels.cut_line(c * mu * patience, lam * patience, room - c)
    ratio = kernels.free_ratio(servers, a)
    if np.isinf(ratio):  # so lightly loaded that nobody waits, as far as a float can tell
        return _named(0.0, 0.0, 1.0, 1.0 / (c * mu * patience + 1.0), 0.0, np.exp(-a), lam, mu, c, 0.0, 0.0)
    free = float(ratio) * first
    total, let_in = free + lower + last, free + lower
    p_block, p_abandon = last / total, moment / total / (lam * patience)
    served = (free + inner * c / a) / total
    p_served = np.where(p_abandon + p_block < 0.5, 1.0 - p_abandon - p_block, served)
    empty = first * np.exp(kernels.log_empty(servers, a, ratio, np.array(total)))
    waiting = p_abandon * total / lower if lower > 0 else 0.0
    wait = moment / (lam * let_in)
    named = _named(lower / total, p_abandon, p_served, waiting, p_block, empty, lam, mu, c, wait, moment / total)
    return named | {"sojourn": wait + p_served * total / let_in / mu}
