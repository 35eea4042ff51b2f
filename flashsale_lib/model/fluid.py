"""Queues as fluid: buyers pour in, buyers pour out, and the wait is read off the curves. numpy only."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..parameters import BRIEF, HUGE, FloatArray, Parameter, ParameterError, Slider, check, plain
from .demand import _numbers

ROUNDING = 1e-10
"""Share of the largest count that `fifo_wait` takes for rounding: a shorter queue counts as empty."""

_ROWS = {
    name: Parameter("fluid", name, "", unit, low, low, HUGE, name, Slider(0, 1000), unlimited=unlimited)
    for names, unit, low, unlimited in (
        ("arrival_rate service_rate", "buyers/s", 0.0, False),
        ("servers", "servers", 0.0, False),
        ("dt", "s", BRIEF, False),
        ("initial backlog", "buyers", 0.0, False),
        ("limit capacity", "buyers", 0.0, True),
        ("patience", "s", BRIEF, True),
    )
    for name in names.split()
}


@dataclass(frozen=True, eq=False)
class FluidQueue:
    """What `fluid_queue` returns; unpacks as `queue, overflow`. Arrays have shape (..., n + 1), time last.

    `time` : s, from 0, in the shape of `dt`. `queue` : buyers waiting. `overflow` : buyers turned away so far.
    `joined` : buyers let in so far, the initial queue included; always joined = served + queue. `potential` : buyers
    who could have been served so far, had there always been one waiting. `wait` : s.
    """

    time: FloatArray
    queue: FloatArray
    overflow: FloatArray
    _arriving: FloatArray = field(repr=False)
    _serving: FloatArray = field(repr=False)

    def __iter__(self) -> Iterator[FloatArray]:
        yield self.queue
        yield self.overflow

    joined = property(lambda self: np.maximum.accumulate(self._offered - self.overflow, axis=-1))
    served = property(lambda self: np.maximum.accumulate(self.joined - self.queue, axis=-1))
    potential = property(lambda self: _running_sum(self._serving * np.diff(self.time)))
    _offered = property(lambda self: _running_sum(self._arriving * np.diff(self.time), self.queue[..., 0]))

    @property
    def wait(self) -> FloatArray:
        """How long a buyer who joins at each time waits, first come first served: s, shape (..., n + 1).

        potential(t + wait) = potential(t) + queue(t). Exact; infinite for who is not served in the window.

        >>> fluid_queue([30, 0, 0], 10, dt=10).wait
        array([ 0., 20., 10.,  0.])
        """
        return np.asarray(fifo_wait(self.time, self.potential + self.queue, self.potential))


@dataclass(frozen=True, eq=False)
class FluidManyServer:
    """What `fluid_many_server` returns. Arrays have shape (..., n + 1), time last.

    `time` : s, in the shape of `dt`. `in_system` : buyers waiting or served. `queue` : buyers waiting. `served`,
    `abandoned`, `blocked` : buyers so far. Always initial + arrived = in_system + served + abandoned + blocked.
    """

    time: FloatArray
    in_system: FloatArray
    queue: FloatArray
    served: FloatArray
    abandoned: FloatArray
    blocked: FloatArray


def fluid_queue(arrival_rate: Any, service_rate: Any, dt: Any, limit: Any = math.inf, initial: Any = 0.0) -> FluidQueue:
    """A queue that fills at the arrival rate and drains at the service rate: the reflection map.

        X(t) = initial + integral of (arrival_rate - service_rate) from 0 to t
        Q(t) = X(t) - min(0, min of X(s) over s <= t)                        without a limit
        Q' = arrival_rate - service_rate, held between 0 and limit           with a limit (two-sided reflection)

    Rates are constant within a step, so X is a straight line there and both forms are exact at the step ends.

    Parameters
    ----------
    arrival_rate, service_rate : buyers/s, shape (..., n): one value per step, time last. A scalar, or an axis
        of length 1, holds for all steps. 0 to 1e9.
    dt : s, a scalar, or the length of each step in an array that broadcasts with the rates. 1e-6 to 1e9.
    limit : buyers, shape (...): one per scenario, no time axis. 0 to 1e9, or infinity (default) for no limit.
    initial : buyers, shape (...): the queue at time 0, from 0 to `limit`.

    Returns
    -------
    FluidQueue, which unpacks as `queue, overflow`, each of shape (..., n + 1): at time 0 and at the end of every
    step. `overflow` counts the buyers turned away so far. See `FluidQueue` for what else it holds.

    Raises
    ------
    ParameterError : out of range; NaN; an infinite rate; an initial queue above the limit; shapes that clash.

    Running sums are compensated: after a million steps they are within 2 machine epsilons of the total
    (`numpy.cumsum` alone: some hundred), and the queue within 2 of the farthest X.

    >>> queue, overflow = fluid_queue([30, 30, 0, 0], 10, dt=60, limit=2000)
    >>> queue
    array([   0., 1200., 2000., 1400.,  800.])
    >>> overflow
    array([  0.,   0., 400., 400., 400.])

    Reference: J. M. Harrison, Brownian Motion and Stochastic Flow Systems (1985), sections 2.2 and 2.4; for
    the curves, G. F. Newell, Applications of Queueing Theory, 2nd ed. (1982), chapter 2.
    """
    (arriving, serving, step), (limit, initial) = _broadcast(
        {"arrival_rate": arrival_rate, "service_rate": service_rate, "dt": dt}, {"limit": limit, "initial": initial}
    )
    _starts_inside(initial, limit, "limit")
    net = (arriving - serving) * step
    if np.all(np.isposinf(limit)):
        queue = _reflect(net, initial)
        overflow = np.zeros_like(queue)
    else:
        queue = _reflect_twice(net, initial, limit)
        overflow = _running_sum(np.maximum(queue[..., :-1] + net - limit[..., np.newaxis], 0.0))
    return FluidQueue(_clock(dt, net.shape[-1]), queue, overflow, arriving, serving)


def fluid_many_server(
    arrival_rate: Any, service_rate: Any, servers: Any, dt: Any,
    patience: Any = math.inf, capacity: Any = math.inf, initial: Any = 0.0,
) -> FluidManyServer:  # fmt: skip
    """The fluid of many servers and impatient buyers: the law of large numbers of M_t/M_t/c_t/K + M.

        x' = arrival_rate - service_rate*min(x, servers) - max(x - servers, 0)/patience,   x <= capacity

    Exact for rates that are constant within a step: the instants at which x crosses `servers` or reaches `capacity`
    are located in closed form. For others pass the mean of each step: the error falls with dt squared. Servers
    that leave put their buyers back into the queue; `queue` at a step end counts the servers of the step before.

    Parameters
    ----------
    arrival_rate : buyers/s, shape (..., n): one value per step, time last; 0 to 1e9.
    service_rate : buyers/s of one server, shape (..., n); 0 to 1e9.
    servers : number at work (real), shape (..., n); 0 to 1e9.
    dt : s, a scalar, or the length of each step in an array that broadcasts with the rates. 1e-6 to 1e9.
    patience : s, shape (...): mean time a buyer waits before leaving; 1e-6 to 1e9, or infinity (default).
    capacity : buyers, shape (...): room in the whole system, waiting or served; 0 to 1e9, or infinity (default).
    initial : buyers, shape (...): in the system at time 0, from 0 to `capacity`.

    Returns
    -------
    FluidManyServer : `time`, `in_system`, `queue`, `served`, `abandoned`, `blocked`, each of shape (..., n + 1).

    Raises
    ------
    ParameterError : out of range; NaN; infinity where it is no limit; initial above capacity; shapes that clash.

    >>> fluid_many_server(0, 0.5, 4, dt=[2.0], initial=8).in_system  # two a second while all four are busy
    array([8., 4.])
    >>> fluid_many_server(9, 1, 5, dt=[100.0], patience=2).queue.round(6)  # (9 - 5) * 2
    array([0., 8.])

    Reference: W. Whitt, Fluid models for multiserver queues with abandonments, Operations Research 54 (2006); for
    the 1/sqrt(n) gap, Mandelbaum, Massey and Reiman, Queueing Systems 30 (1998).
    """
    per_step, (patience, capacity, initial) = _broadcast(
        {"arrival_rate": arrival_rate, "service_rate": service_rate, "servers": servers, "dt": dt},
        {"patience": patience, "capacity": capacity, "initial": initial},
    )
    _starts_inside(initial, capacity, "capacity")
    arriving, serving, working, step = (_time_first(values) for values in per_step)
    fixed = (1.0 / patience.ravel(), capacity.ravel())
    level = np.empty((len(step) + 1, patience.size))
    level[0] = initial.ravel()
    flows = np.zeros((3, *step.shape))
    for k, left in enumerate(step):
        level[k + 1] = _advance(level[k], left, arriving[k], serving[k], working[k], *fixed, flows[:, k])
    in_system = level.T.reshape(*per_step[0].shape[:-1], len(step) + 1)
    at_work = np.concatenate((per_step[2][..., :1], per_step[2]), axis=-1)
    sums = (_running_sum(flow.T.reshape(per_step[0].shape)) for flow in flows)
    return FluidManyServer(_clock(dt, len(step)), in_system, np.maximum(in_system - at_work, 0.0), *sums)


def _advance(x: FloatArray, left: FloatArray, *rest: FloatArray) -> FloatArray:
    """The level after one step; adds what was served, abandoned and blocked to `flows`.

    The path of a step is monotone, so it has at most three pieces: to `servers`, to `room`, and along it. On a piece
    x' = f - a (x - start), so x moves by f (1 - exp(-a s))/a in a time s.
    """
    arriving, serving, servers, leaving, room, flows = rest
    for _ in range(3):  # pragma: no branch
        busy, waiting = np.minimum(x, servers), np.maximum(x - servers, 0.0)
        drift = arriving - serving * busy - leaving * waiting
        full = (x >= room) & (drift >= 0.0)
        drift = np.where(full, 0.0, drift)
        queued = (x > servers) | ((x == servers) & (drift > 0.0))
        pull = np.where(queued, leaving, serving)
        upper = np.where(queued, room, np.minimum(servers, room))
        goal = np.where(drift > 0.0, upper, np.where(queued, servers, -np.inf))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            straight = (goal - x) / drift
            curved = -np.log1p(-np.minimum(pull * straight, 1.0)) / pull
            reached = np.where(drift == 0.0, np.inf, np.where(pull > 0.0, curved, straight))
            spent = np.minimum(left, reached)
            moved = drift * np.where(pull > 0.0, -np.expm1(-pull * spent) / pull, spent)
        after = np.where(reached <= left, goal, x + moved)
        change = after - x
        through = np.where(queued | full, serving * busy * spent, np.where(pull > 0.0, arriving * spent - change, 0.0))
        given_up = np.where(queued & (pull > 0.0), arriving * spent - through - change, 0.0)
        given_up = np.where(full, leaving * waiting * spent, given_up)
        flows[0] += np.maximum(through, 0.0)
        flows[1] += np.maximum(given_up, 0.0)
        flows[2] += np.where(full, np.maximum(arriving * spent - through - given_up, 0.0), 0.0)
        x, left = after, left - spent
        if not left.any():
            break
    return x


def fifo_wait(time: Any, arrivals: Any, departures: Any) -> Any:
    """How long who arrives at each time waits, first come first served: the horizontal gap between two curves.

        wait(t) = min{s >= t : departures(s) >= arrivals(t)} - t

    Both curves count buyers from the start and are straight between the given times; the result is then exact.
    Where a curve is flat the earliest instant counts. A queue below 1e-10 of the largest count is rounding, not a
    queue: its wait is 0.

    Parameters
    ----------
    time : s, shape (T,) or (..., T), finite, never falling (a time given twice lets a curve jump).
    arrivals, departures : buyers so far, shape (..., T), never falling; departures never above arrivals. Buyers
        queued at the start belong to `arrivals`. All three broadcast.

    Returns
    -------
    s, shape (..., T). Infinite for who is not served by the last time.

    Raises
    ------
    ParameterError : not finite numbers; a time or count that falls; more departures than arrivals; shapes that clash.

    >>> fifo_wait([0, 10, 40], [0, 30, 30], [0, 10, 30])
    array([ 0., 30.,  0.])

    Reference: Newell (1982), chapter 2, as in `fluid_queue`.
    """
    t, joined, left = _curve("time", time), _curve("arrivals", arrivals), _curve("departures", departures)
    try:
        t, joined, left = np.broadcast_arrays(t, joined, left)
    except ValueError:
        shapes = f"time {t.shape}, arrivals {joined.shape}, departures {left.shape}"
        raise ParameterError(f"shapes do not broadcast: {shapes}; give all three the same last axis") from None
    rounding = ROUNDING * np.maximum(joined[..., -1:], left[..., -1:])
    if (wrong := left - joined > rounding).any():
        at = _first(wrong)
        todo = f"must be at most the {joined[at]:g} arrivals; add the buyers queued at the start to arrivals"
        raise ParameterError(f"fifo_wait.departures is {left[at]:g} buyers at index {at[-1]}: {todo}")
    # Sorting both curves into one tells how many departures come before each arrival. Ties: arrivals first.
    length = t.shape[-1]
    is_arrival = np.argsort(np.concatenate((joined, left), axis=-1), axis=-1, kind="stable") < length
    before = np.cumsum(~is_arrival, axis=-1)[is_arrival].reshape(joined.shape)
    high = np.minimum(before, length - 1)
    low = np.maximum(high - 1, 0)
    count_low, count_high = np.take_along_axis(left, low, -1), np.take_along_axis(left, high, -1)
    time_low, time_high = np.take_along_axis(t, low, -1), np.take_along_axis(t, high, -1)
    rise = count_high - count_low
    part = np.where(rise > 0.0, (joined - count_low) / np.where(rise > 0.0, rise, 1.0), 1.0)
    served_at = time_low + np.clip(part, 0.0, 1.0) * (time_high - time_low)
    served_at = np.where((before == length) & (joined - left[..., -1:] > rounding), np.inf, served_at)
    return np.where(joined - left <= rounding, 0.0, np.maximum(served_at - t, 0.0))


def drain_time(backlog: Any, arrival_rate: Any, service_rate: Any) -> Any:
    """How long a backlog takes to drain at constant rates.

        time = backlog / (service_rate - arrival_rate)

    `backlog` (buyers), `arrival_rate`, `service_rate` (buyers/s): each from 0 to 1e9; they broadcast. Seconds, in the
    common shape; scalars in, scalar out. 0 for no backlog; infinite where it never drains (arrivals at least as fast
    as service). NaN or out of range: `ParameterError`.

    >>> drain_time(6000, 20, 80)
    100.0

    Reference: Newell (1982), chapter 2, as in `fluid_queue`.
    """
    values = {"backlog": backlog, "arrival_rate": arrival_rate, "service_rate": service_rate}
    _, (waiting, arriving, serving) = _broadcast({}, values)
    spare = serving - arriving
    time = np.where(spare > 0.0, waiting / np.where(spare > 0.0, spare, 1.0), np.inf)
    return plain(np.where(waiting > 0.0, time, 0.0))


def peak_backlog(
    arrival_rate: Any, service_rate: Any, dt: Any, limit: Any = math.inf, initial: Any = 0.0
) -> tuple[Any, Any]:
    """The longest queue of `fluid_queue`, in buyers, and when it is first reached, in seconds.

        peak = max of Q(t);   for one surge of length dt: (arrival_rate - service_rate) * dt

    Arguments, ranges and errors as in `fluid_queue`. Each result has the shape (...) of the scenarios; a scalar
    for one. Exact: with constant rates in a step the queue peaks at a step end.

    >>> peak_backlog(700, 80, dt=30)
    (18600.0, 30.0)

    Reference: Newell (1982), chapter 2, as in `fluid_queue`.
    """
    path = fluid_queue(arrival_rate, service_rate, dt, limit, initial)
    at = np.argmax(path.queue, axis=-1)[..., np.newaxis]
    time = np.broadcast_to(path.time, path.queue.shape)
    peak, when = (np.take_along_axis(values, at, -1)[..., 0] for values in (path.queue, time))
    return plain(peak), plain(when)


def _broadcast(per_step: dict[str, Any], per_scenario: dict[str, Any]) -> tuple[list[FloatArray], list[FloatArray]]:
    """Checked arrays: the first in the shape (..., n) of the steps, the second in the shape (...) of the scenarios."""
    steps = [np.atleast_1d(check(_ROWS[name], value)) for name, value in per_step.items()]
    scenarios = [np.asarray(check(_ROWS[name], value)) for name, value in per_scenario.items()]
    try:
        shape = np.broadcast_shapes(*(a.shape for a in steps), *((*a.shape, 1) for a in scenarios))
    except ValueError:
        shapes = ", ".join(map(str, zip((*per_step, *per_scenario), [a.shape for a in steps + scenarios], strict=True)))
        todo = "give rates time on the last axis, the others none"
        raise ParameterError(f"shapes do not broadcast: {shapes}; {todo}") from None
    return [np.broadcast_to(a, shape) for a in steps], [np.broadcast_to(a, shape[:-1]) for a in scenarios]


def _starts_inside(initial: FloatArray, room: FloatArray, name: str) -> None:
    if (bad := initial > room).any():
        at = _first(bad)
        todo = f"must be at most the {name} of {room[at]:g} buyers; lower it, or raise the {name}"
        raise ParameterError(f"fluid.initial is {initial[at]:g} buyers: {todo}")


def _running_sum(values: FloatArray, start: Any = 0.0) -> FloatArray:
    """Running sums from `start`, with what their rounding lost put back (Knuth's two-sum, all steps at once)."""
    start = np.broadcast_to(start, values.shape[:-1])[..., np.newaxis]
    total = np.cumsum(np.concatenate((start, values), axis=-1), axis=-1)
    before, after = total[..., :-1], total[..., 1:]
    added = after - before
    lost = (before - (after - added)) + (values - added)
    total[..., 1:] += np.cumsum(lost, axis=-1)
    return total


def _clock(dt: Any, steps: int) -> FloatArray:
    step = np.atleast_1d(np.asarray(dt, dtype=np.float64))
    return _running_sum(np.broadcast_to(step, (*step.shape[:-1], steps)))


def _reflect(net: FloatArray, initial: FloatArray) -> FloatArray:
    """The queue without a limit: the path above its lowest point so far, once that is below zero."""
    path = _running_sum(net, initial)
    return path - np.minimum(np.minimum.accumulate(path, axis=-1), 0.0)


def _reflect_twice(net: FloatArray, initial: FloatArray, limit: FloatArray) -> FloatArray:
    """The queue with a limit. A straight path meets at most one of the two walls in a step."""
    steps, cap = _time_first(net), limit.ravel()
    queue = np.empty((len(steps) + 1, cap.size))
    queue[0] = initial.ravel()
    for k, change in enumerate(steps):
        np.clip(queue[k] + change, 0.0, cap, out=queue[k + 1])
    return queue.T.reshape(*net.shape[:-1], len(steps) + 1)


def _time_first(values: FloatArray) -> FloatArray:
    return np.ascontiguousarray(values.reshape(-1, values.shape[-1]).T)


def _first(bad: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(np.argwhere(bad)[0].tolist())


def _curve(name: str, values: Any) -> FloatArray:
    """Finite numbers that never fall along the last axis."""
    unit = "s" if name == "time" else "buyers"
    array = _numbers(f"fifo_wait.{name}", values, unit)
    if array.ndim == 0:
        raise ParameterError(f"fifo_wait.{name} has shape {array.shape}: must be a row ({unit}); pass a list or array")
    highest = np.maximum.accumulate(array, axis=-1)
    if (falls := highest - array > ROUNDING * np.abs(array).max(axis=-1, keepdims=True)).any():
        at = _first(falls)
        todo = "must never fall; pass running totals, in order of time"
        raise ParameterError(f"fifo_wait.{name} falls to {array[at]:g} {unit} at index {at[-1]}: {todo}")
    return highest
