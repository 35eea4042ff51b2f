"""Stations in steady state: Erlang B and C, many servers with a queue (M/M/c), and with limited room (M/M/c/K)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..parameters import HUGE, FloatArray, Parameter, ParameterError, Slider, check, plain
from . import erlang_kernels as kernels

MOST = 1e15
"""Largest load, rate or capacity: doubles still tell whole numbers apart."""
LEAST = 1e-15
"""Smallest service rate and patience."""


def row(name: str, symbol: str, unit: str, low: float, high: float, meaning: str, **more: bool) -> Parameter:
    """An argument of the stations as a row of the parameter table, so that `check` can refuse it by name."""
    return Parameter("erlang", name, symbol, unit, max(1.0, low), low, high, meaning, Slider(0, 100), **more)


LOAD = row("load", "a", "servers' worth of work", 0.0, MOST, "arrival rate over service rate")
SERVERS = row("servers", "c", "servers", 0.0, HUGE, "servers side by side")
STATION = row("servers", "c", "servers", 1.0, HUGE, "servers side by side")
WHOLE_SERVERS = row("servers", "c", "servers", 1.0, HUGE, "servers side by side", whole=True)
ARRIVAL_RATE = row("arrival_rate", "λ", "buyers/s", 0.0, MOST, "mean arrivals per second, Poisson")
SERVICE_RATE = row("service_rate", "μ", "buyers/s", LEAST, MOST, "services per second of one busy server, exponential")
CAPACITY = row("capacity", "K", "buyers", 1.0, MOST, "room in the whole station", whole=True, unlimited=True)
TIME = row("t", "t", "s", 0.0, MOST, "a time in the queue", unlimited=True)
SHARE = row("q", "q", "share", 0.0, 1.0, "a share of the buyers")


def arrays(**values: Any) -> tuple[FloatArray, ...]:
    """The values broadcast against one another, or a `ParameterError` that gives their shapes."""
    try:
        return tuple(np.asarray(x, dtype=np.float64) for x in np.broadcast_arrays(*values.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {np.shape(value)}" for name, value in values.items())
        raise ParameterError(
            f"the shapes do not fit together: {shapes}; make them equal or 1 axis by axis, for example "
            "with x[:, np.newaxis]"
        ) from None


def quietly(route: Callable[..., Any], *values: FloatArray) -> Any:
    """Call a formula in which infinity is a value: no warning for 1/0, exp(1000) or what underflows."""
    with np.errstate(all="ignore"):
        return route(*values)


def erlang_b(servers: Any, load: Any) -> Any:
    """Erlang B: the share of arrivals lost when `servers` serve a load without any queue.

        B(c, a) = (a^c / c!) / sum_(k=0..c) a^k / k!

    Parameters (any shapes that broadcast)
    ----------
    servers : c, servers, 0 to 1e9. Real values too: the continuous extension 1/B = a int_0^inf e^(-a u) (1+u)^c du.
    load : a = arrival rate / service rate, servers' worth of work, 0 to 1e15.

    Returns
    -------
    B, a share, in the common shape (a float for scalars). 1 at c = 0; 0 at a = 0 < c, and where B < 1e-308.

    Raises
    ------
    ParameterError : a value out of range, NaN or infinite (with its index), or shapes that do not fit together.

    >>> round(erlang_b(5, 1.361), 4)
    0.01
    >>> round(erlang_b(190, 200.0), 9)
    0.088696844

    Reference: A. K. Erlang (1917); first value: the 1 % column of standard Erlang B tables; second: as printed in the tests
    of FelixKleineBoesing/queuingSystem (github.com); real c: D. L. Jagerman (1974), Some properties of the Erlang loss
    function, Bell System Technical Journal 53(3).
    """
    c, a = arrays(servers=check(SERVERS, servers), load=check(LOAD, load))
    return plain(quietly(lambda: np.asarray(1.0 / (1.0 + kernels.free_ratio(c, a)))))


def erlang_c(servers: Any, load: Any) -> Any:
    """Erlang C: the share of arrivals that wait when `servers` serve a load and everybody waits for a turn.

        C(c, a) = c B / (c - a (1 - B)), B = B(c, a); 1 where a >= c

    Parameters (any shapes that broadcast)
    ----------
    servers : c, servers, 0 to 1e9; real values by the continuous extension of Erlang B.
    load : a = arrival rate / service rate, servers' worth of work, 0 to 1e15.

    Returns
    -------
    C, a share, in the common shape (a float for scalars). 0 at a = 0 < c, and where C < 1e-308. At a load of `servers`
    or more the queue grows without end and everybody waits: 1.

    Raises
    ------
    ParameterError : a value out of range, NaN or infinite (with its index), or shapes that do not fit together.

    >>> round(erlang_c(132, 123), 4)
    0.3211

    Reference: value as printed in the tests of PRODYNA/exciting-algorithms (github.com); formula: D. Gross et al.,
    Fundamentals of Queueing Theory, 4th ed. (2008), section 2.4.
    """
    c, a = arrays(servers=check(SERVERS, servers), load=check(LOAD, load))
    return plain(quietly(_share_waiting, c, a, (c - a) / np.maximum(c, 1e-300)))


def _share_waiting(c: FloatArray, a: FloatArray, spare: FloatArray) -> FloatArray:
    """Erlang C with the spare share 1 - a/c given, so that a caller who knows it better can say so."""
    stable = spare > 0
    free = kernels.free_ratio(c, np.where(stable, a, 1.0))
    return np.where(stable, 1.0 / (1.0 + spare * free), 1.0)


@dataclass(frozen=True, eq=False)
class Station:
    """What all stations in steady state have; floats, or arrays of one shape."""

    arrival_rate: Any
    """λ, buyers/s."""
    service_rate: Any
    """μ, buyers/s of one busy server."""
    servers: Any
    """c."""
    utilisation: Any
    """Share of the time a server is busy."""
    p_wait: Any
    """Share of buyers who have to wait (of those let in)."""
    p_empty: Any
    """Share of the time nobody is there."""
    wait: Any
    """Mean time in the queue, s (of those let in)."""
    queue: Any
    """Mean number waiting."""
    sojourn: Any
    """Mean time in queue and service, s (of those let in)."""
    in_system: Any
    """Mean number waiting or in service."""
    throughput: Any
    """Buyers served per second."""

    def wait_tail(self, t: Any) -> Any:
        """Share of buyers let in who wait longer than `t` seconds (0 or more; broadcasts with the station).

        >>> mmc(arrival_rate=1, service_rate=0.5, servers=3).wait_tail([0, 2]).round(4).tolist()
        [0.4444, 0.1635]
        """
        t = arrays(t=check(TIME, t), station=self.p_wait)[0]
        return plain(quietly(self._tail, t))

    def wait_quantile(self, q: Any) -> Any:
        """The time, in s, that a share `q` (0 to 1) of buyers let in wait at most; broadcasts with the station.

        0 where a share q need not wait. Infinite at q = 1 (except where nobody waits), and without a steady state.

        >>> mmc(arrival_rate=1, service_rate=0.5, servers=3).wait_quantile([0.5, 0.9, 1]).round(3).tolist()
        [0.0, 2.983, inf]
        """
        q = arrays(q=check(SHARE, q), station=self.p_wait)[0]
        return plain(quietly(self._quantile, q))

    def _tail(self, t: FloatArray) -> FloatArray:
        raise NotImplementedError

    def _quantile(self, q: FloatArray) -> FloatArray:
        """By root finding on the logarithm of the tail, one by one."""
        from scipy.optimize import brentq  # a quarter of a second to import

        result = np.zeros(q.size)
        shape, p_wait = q.shape, np.broadcast_to(self.p_wait, q.shape).ravel()
        scale = np.broadcast_to(1.0 / (self.servers * np.asarray(self.service_rate)), shape).ravel()
        mean = np.broadcast_to(self.wait, shape).ravel()
        for i, share in enumerate(1.0 - q.ravel()):
            if share >= p_wait[i]:
                continue
            if share == 0.0 or math.isinf(mean[i]):  # at q = 1, and where there is no steady state
                result[i] = math.inf
                continue

            def excess(t: float, i: int = i, share: float = share) -> float:
                tail = self._tail(np.full(shape, t)).ravel()[i]
                return math.log(tail / share) if tail > 0 else -750.0

            high = float(max(scale[i], mean[i]))
            while excess(high) > 0:
                high *= 4.0
            result[i] = brentq(excess, 0.0, high, xtol=1e-300, rtol=1e-14)
        return result.reshape(shape)


@dataclass(frozen=True, eq=False)
class MMc(Station):
    """M/M/c in steady state: see `mmc`."""

    def _spare(self) -> tuple[Any, FloatArray]:
        spare = np.asarray(self.servers * np.asarray(self.service_rate) - self.arrival_rate)
        return spare > 0, np.where(spare > 0, spare, 1.0)

    def _tail(self, t: FloatArray) -> FloatArray:
        stable, spare = self._spare()
        return np.where(stable, self.p_wait * np.exp(-spare * t), 1.0)

    def _quantile(self, q: FloatArray) -> FloatArray:
        stable, spare = self._spare()
        late = 1.0 - q
        return np.where(late >= self.p_wait, 0.0, np.where(stable, np.log(self.p_wait / late) / spare, np.inf))


def mmc(arrival_rate: Any, service_rate: Any, servers: Any) -> MMc:
    """M/M/c: Poisson arrivals, exponential service, `servers` side by side, first come first served, unlimited room.

        p_wait = C(c, λ/μ); wait = p_wait/(cμ - λ); queue = λ wait; P(wait > t) = p_wait e^(-(cμ-λ)t)

    Parameters (any shapes that broadcast)
    ----------
    arrival_rate : λ, buyers/s, 0 to 1e15.
    service_rate : μ, buyers/s of one busy server, 1e-15 to 1e15.
    servers : c, servers, 1 to 1e9; real values by the continuous extension of Erlang C.

    Returns
    -------
    `MMc` with utilisation, p_wait, p_empty, wait, queue, sojourn, in_system, throughput, each in the common shape (a
    float for scalars), and wait_tail(t), wait_quantile(q). Without a steady state (λ >= cμ) the true values:
    utilisation and p_wait 1, p_empty 0, throughput cμ, the means infinite. For an overloaded period use `fluid_queue`.

    Raises
    ------
    ParameterError : a value out of range, NaN or infinite (with its index), or shapes that do not fit together.

    >>> station = mmc(arrival_rate=300, service_rate=182.5, servers=3)
    >>> round(station.queue, 3), round(station.wait, 6), round(station.p_empty, 5)
    (0.352, 0.001175, 0.17754)

    Reference: values as printed for problem 24.6 of R. Bronson, Operations Research (1982); formulas: D. Gross et al.,
    Fundamentals of Queueing Theory, 4th ed. (2008), section 2.3.
    """
    lam, mu, c = arrays(
        arrival_rate=check(ARRIVAL_RATE, arrival_rate),
        service_rate=check(SERVICE_RATE, service_rate),
        servers=check(STATION, servers),
    )
    return MMc(**{name: plain(value) for name, value in quietly(_mmc, lam, mu, c).items()})


def _mmc(lam: FloatArray, mu: FloatArray, c: FloatArray) -> dict[str, FloatArray]:
    spare = c * mu - lam
    stable = spare > 0
    a = np.where(stable, np.minimum(lam / mu, c), 1.0)
    free = kernels.free_ratio(c, a)
    p_wait = np.where(stable, 1.0 / (1.0 + spare / (c * mu) * free), 1.0)
    wait = np.where(stable, p_wait / spare, np.inf)
    queue = np.where(stable, lam * wait, np.inf)
    empty = np.exp(kernels.log_empty(c, a, free, free + c * mu / spare))
    return {
        "arrival_rate": lam, "service_rate": mu, "servers": c,
        "utilisation": np.where(stable, lam / (c * mu), 1.0),
        "p_wait": p_wait, "p_empty": np.where(stable, empty, 0.0),
        "wait": wait, "queue": queue, "sojourn": wait + 1.0 / mu, "in_system": queue + a,
        "throughput": np.where(stable, lam, c * mu),
    }  # fmt: skip


@dataclass(frozen=True, eq=False)
class MMcK(Station):
    """M/M/c/K in steady state: see `mmck`."""

    capacity: Any
    """K, room in the whole station."""
    p_block: Any
    """Share of arrivals turned away because the station is full."""

    def _tail(self, t: FloatArray) -> FloatArray:
        inputs = arrays(t=t, a=self.arrival_rate, b=self.service_rate, c=self.servers, d=self.capacity)
        result = np.zeros(t.size)
        unlimited = MMc(**{name: getattr(self, name) for name in MMc.__dataclass_fields__})
        for i, (time, lam, mu, c, room) in enumerate(zip(*(x.ravel() for x in inputs), strict=True)):
            if math.isinf(room):
                result[i] = np.broadcast_to(unlimited._tail(t), t.shape).ravel()[i]
            elif room > c and lam > 0 and math.isfinite(time):
                r, delta, lower, busy, flood = (float(x) for x in _line(lam, mu, c, room - c)[:5])
                total = kernels.cut_wait(c * mu * time, r, delta, room - c, bool(flood))
                result[i] = total / (lower + busy) * (r if flood else 1.0)
        return result.reshape(t.shape)


def _line(lam: Any, mu: Any, c: Any, n: Any) -> tuple[FloatArray, ...]:
    """The states of M/M/c/K with n places to wait, in units of state c (of the full state if λ > cμ: `flood`).

    The ratio r <= 1 from state to state and delta = r - 1; weight of the states with a free server (`lower`), of
    those with all busy but room left (`busy`), of the full state (`full`); `moment` = sum j r^(j-1).
    """
    lam, mu, c, n = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (lam, mu, c, n)))
    flood = lam > c * mu
    r = np.where(flood, c * mu / lam, lam / (c * mu))
    delta = np.where(flood, (c * mu - lam) / lam, (lam - c * mu) / (c * mu))
    power, sums, moment = kernels.geometric(r, delta, n)
    before = kernels.geometric(r, delta, np.maximum(n - 1.0, 0.0))[2]  # sum i r^(i-1) over i < n
    lower = kernels.free_ratio(c, lam / mu) * np.where(flood, power, 1.0)
    busy = np.where(flood, r * sums, sums)
    moment = np.where(flood, r * (n * sums - r * before), moment)
    return r, delta, lower, busy, flood.astype(np.float64), np.where(flood, 1.0, power), moment


def mmck(arrival_rate: Any, service_rate: Any, servers: Any, capacity: Any) -> MMcK:
    """M/M/c/K: as `mmc`, but with room for `capacity` buyers in all; who finds it full is turned away.

        p_n ∝ (λ/μ)^n/n! for n <= c, then times λ/(cμ) for every further buyer up to K; p_block = p_K

    Parameters (any shapes that broadcast)
    ----------
    arrival_rate : λ, buyers/s, 0 to 1e15. Any load: the limited room always finds a steady state.
    service_rate : μ, buyers/s of one busy server, 1e-15 to 1e15.
    servers : c, a whole number, 1 to 1e9.
    capacity : K, buyers waiting or in service, a whole number from `servers` to 1e15; infinity gives `mmc`.

    Returns
    -------
    `MMcK` with p_block (of all arrivals); p_wait, wait and sojourn of those let in; utilisation, p_empty, queue,
    in_system, throughput; each in the common shape (a float for scalars); wait_tail(t), wait_quantile(q) of those let in.
    With infinite room and λ >= cμ the limits: p_block 1 - cμ/λ, the waits infinite.

    Raises
    ------
    ParameterError : a value out of range or NaN (with its index), capacity below servers, or shapes that do not fit.

    >>> station = mmck(arrival_rate=1, service_rate=1, servers=1, capacity=10)
    >>> round(station.in_system, 9)
    5.0

    Reference: value as in the self-tests of the octave package queueing (qsmm1k); formulas: D. Gross et al.,
    Fundamentals of Queueing Theory, 4th ed. (2008), section 2.5.
    """
    lam, mu, c, room = arrays(
        arrival_rate=check(ARRIVAL_RATE, arrival_rate),
        service_rate=check(SERVICE_RATE, service_rate),
        servers=check(WHOLE_SERVERS, servers),
        capacity=check(CAPACITY, capacity),
    )
    enough_room(room, c)
    return MMcK(**{name: plain(value) for name, value in quietly(_mmck, lam, mu, c, room).items()})


def enough_room(room: FloatArray, c: FloatArray) -> None:
    """A `ParameterError` where the room is smaller than the servers."""
    if np.any(room < c):
        where = tuple(int(i) for i in np.argwhere(room < c)[0])
        at = f" at index {where if len(where) > 1 else where[0]}" if where else ""
        raise ParameterError(
            f"erlang.capacity is {room[where]:g} (buyers){at} with {c[where]:g} servers: must be at least the servers, "
            "whose buyers it includes; raise capacity, or lower servers"
        )


def _mmck(lam: FloatArray, mu: FloatArray, c: FloatArray, room: FloatArray) -> dict[str, FloatArray]:
    n = np.where(np.isinf(room), 0.0, room - c)
    r, _, lower, busy, flood, full, moment = _line(lam, mu, c, n)
    let_in = 1.0 / (1.0 + full / (lower + busy))
    wait = moment / (c * mu * (lower + busy))
    throughput = lam * let_in
    empty = kernels.log_empty(c, lam / mu, lower, lower + busy + full)
    empty = np.exp(np.where(flood > 0, n * np.log(r), 0.0) + empty)
    found: dict[str, FloatArray] = {
        "arrival_rate": lam, "service_rate": mu, "servers": c,
        "utilisation": throughput / (c * mu), "p_wait": 1.0 / (1.0 + lower / busy), "p_empty": empty,
        "wait": wait, "queue": throughput * wait, "sojourn": wait + 1.0 / mu,
        "in_system": throughput * wait + throughput / mu, "throughput": throughput,
    }  # fmt: skip
    unlimited = {name: np.where(np.isinf(room), value, found[name]) for name, value in _mmc(lam, mu, c).items()}
    block = np.where(np.isinf(room), np.where(flood > 0, 1.0 - c * mu / lam, 0.0), full / (lower + busy + full))
    return {**unlimited, "capacity": room, "p_block": block}
