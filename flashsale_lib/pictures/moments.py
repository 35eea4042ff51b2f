"""One instant of a drop: what flows, what is where, and the state each part of the checkout is in.

The states are those that an operator would name: "queue full", "near its best", "refusing". Pictures and words both
take them from here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from ..model import step
from ..model.outcome import PLACES, Outcome
from ..model.pieces import relax
from ..model.policies import OPEN
from ..parameters import FloatArray, ParameterError

NOTHING = 0.05
"""Flows (per second) and contents below this count as none."""
INF = math.inf


@dataclass(frozen=True)
class Moment:
    """One instant: flows per second (means over the step that ends then), contents, and states."""

    t: float
    arrivals: float
    returning: float
    """Buyers per second who come back after they were turned away."""
    admitted: float
    refused: float
    """Buyers per second whom the door does not let in; some of them come back."""
    giving_up: float
    dispatched: float
    paying: float
    declining: float
    late: float
    retrying: float
    """Calls per second that failed and will be tried again."""
    recovered: float
    """Buyers per second who join the queue again, for their next attempt."""
    failing: float
    arrived: float
    places: dict[str, float]
    """Buyers by place, as in the ledger: they add up to `arrived`."""
    wait: float
    """Seconds until the call, for who joins the queue now; infinite where that is after the window."""
    accept_latency: float
    workers: float
    """Calls that may be under way at once, now; infinite without a limit."""
    in_flight: float
    best: float
    """Calls in flight at which the gateway gets most done; infinite where more is always better."""
    abandoned: float
    """Calls in flight that nobody waits for any more."""
    response_time: float
    health: float
    """Share of its speed at which the gateway runs."""
    door: str
    """off, open, partly open, closed"""
    door_reason: str
    """Nothing, or: sold out, rate limit, no free worker, queue full, promise."""
    queue: str
    """off, empty, full, growing, shrinking, steady"""
    crew: str
    """State of the workers: off, none up, idle, some busy, all busy, own limit, rate limit, breaker open, breaker trying."""
    gateway: str
    """idle, has room, near its best, past its best, refusing, brownout"""
    recovery: str
    """off, empty, waiting"""

    @property
    def offered(self) -> float:
        """Buyers at the front door per second, reloads included."""
        return self.arrivals + self.returning

    @property
    def let_in(self) -> float:
        """Share of those at the door who are let in; 1 when nobody comes."""
        return self.admitted / self.offered if self.offered >= NOTHING else 1.0


class Moments:
    """All instants of one recorded scenario, to look them up quickly.

    Nearest recorded instant, nothing smoothed: its numbers are those of the outcome's series.

    >>> from flashsale_lib import Design, simulate
    >>> moment = Moments(simulate(Design.naive())).at(200)
    >>> round(moment.in_flight), round(moment.abandoned), moment.gateway
    (1200, 973, 'refusing')
    """

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.accept_latency: FloatArray = outcome.series("accept_latency")  # or an error: not recorded
        self.design, _, _, self.gateway = outcome.scenario
        self.best = float(self.gateway.peak()[0])
        self.first, self.last = outcome.start, float(outcome.time[-1])
        assert outcome.recorded is not None
        self.rows = outcome.recorded[0]
        self.in_refusal = self._in_refusal()

    def _in_refusal(self) -> list[float]:
        """Calls being refused, at every instant: a worker waits for the error, but the gateway has no work with them."""
        refused = self.rows[step.REFUSED]
        if refused[-1] == 0.0:
            return [0.0] * len(refused)
        stays, settles = relax(1.0 / float(self.gateway.error_time), self.outcome.dt)
        joining = (np.diff(refused, prepend=0.0) / self.outcome.dt * settles).tolist()
        return list(accumulate(joining, lambda held, more: held * stays + more))

    def index(self, t: float) -> int:
        """The recorded instant next to time t, or an error that t is outside the window."""
        number = isinstance(t, int | float | np.number)
        if not (number and self.first <= t <= self.last):
            raise ParameterError(
                f"t is {t!r} (s): must be one number from {self.first:g} to {self.last:g}, the window of this drop; "
                "choose a moment inside it"
            )
        return round((t - self.first) / self.outcome.dt)

    def at(self, t: float) -> Moment:
        """The instant next to time t (s)."""
        k = self.index(t)
        column = self.rows[:, k]
        now: list[float] = column.tolist()
        flow: list[float] = ((column - self.rows[:, max(k - 1, 0)]) / self.outcome.dt).tolist()
        wait = now[step.FIELDS]
        health = float(self.gateway.response_time(now[step.IN_FLIGHT])) / now[step.RESPONSE_TIME]
        workers = self._workers(now)
        door, reason = self._door(now, flow)
        return Moment(
            t=float(t),
            arrivals=flow[step.ARRIVED],
            returning=max(0.0, flow[step.OFFERED] - flow[step.ARRIVED]),
            admitted=flow[step.ADMITTED],
            refused=max(0.0, flow[step.OFFERED] - flow[step.ADMITTED]),
            giving_up=flow[step.GAVE_UP],
            dispatched=flow[step.CALLS],
            paying=flow[step.PAID],
            declining=flow[step.DECLINED],
            late=flow[step.PAID_LATE],
            retrying=flow[step.RETRIES],
            recovered=max(0.0, flow[step.RETRIES] - flow[step.RECOVERING]),
            failing=flow[step.DEAD_LETTERED],
            arrived=now[step.ARRIVED],
            places={name: now[i] for name, (i, _) in PLACES.items()},
            wait=INF if wait > 0.0 and t + wait > self.last - 1.5 * self.outcome.dt else wait,
            accept_latency=float(self.accept_latency[k]),
            workers=workers,
            in_flight=now[step.IN_FLIGHT],
            best=self.best,
            abandoned=max(0.0, now[step.IN_FLIGHT] - now[step.AT_GATEWAY] + self.in_refusal[k]),
            response_time=now[step.RESPONSE_TIME],
            health=health,
            door=door,
            door_reason=reason,
            queue=self._queue(now, flow),
            crew=self._crew(now, flow, workers),
            gateway=self._gateway(now, flow, health),
            recovery="off" if self.design.attempts == 1 else "empty" if now[step.RECOVERING] < NOTHING else "waiting",
        )

    def _workers(self, now: list[float]) -> float:
        up, own = now[step.WORKERS_UP], now[step.OWN_LIMIT]
        all_up = self.design.warm_workers == INF or now[step.AT_GATEWAY] > 0.0
        if up == 0.0 and self.design.workers == INF and all_up:
            up = INF  # the series show 0 where there is no limit
        return min(up, own) if own > 0.0 else up

    def _door(self, now: list[float], flow: list[float]) -> tuple[str, str]:
        design: Any = self.design
        offered, admitted = flow[step.OFFERED], flow[step.ADMITTED]
        if min(design.admit_rate, design.max_wait, design.queue_limit, design.stock) == INF:
            return "off", ""
        if offered - admitted < max(NOTHING, 1e-6 * offered):
            return "open", ""
        state = "closed" if admitted < 0.01 * offered else "partly open"
        in_the_system = now[step.QUEUED] + now[step.AT_GATEWAY] + now[step.RECOVERING]
        left = (design.stock - now[step.PAID] - now[step.PAID_LATE]) * (1.0 + design.overbooking)
        if in_the_system >= left - 1.0:
            return state, "sold out"
        if design.admit_rate < INF and now[step.TOKENS] <= 1e-6:
            return state, "rate limit"
        if design.queue_limit == 0.0:
            return state, "no free worker"
        return state, "promise" if now[step.QUEUED] < 0.999 * design.queue_limit else "queue full"

    def _queue(self, now: list[float], flow: list[float]) -> str:
        queue, change = now[step.QUEUED], flow[step.QUEUED]
        if self.design.queue_limit == 0.0:
            return "off"
        if queue < 0.5:
            return "empty"
        if queue >= 0.999 * self.design.queue_limit:
            return "full"
        if abs(change) < max(0.5, 1e-4 * queue):
            return "steady"
        return "growing" if change > 0.0 else "shrinking"

    def _crew(self, now: list[float], flow: list[float], workers: float) -> str:
        design, busy = self.design, now[step.AT_GATEWAY]
        if now[step.BREAKER] > 0.0:
            return "breaker open" if now[step.BREAKER] == OPEN else "breaker trying"
        if workers == INF and design.dispatch_rate == INF:
            return "off"
        if workers == 0.0:
            return "none up"
        if busy >= 0.99 * workers:
            return "own limit" if 0.0 < now[step.OWN_LIMIT] < design.workers else "all busy"
        if now[step.QUEUED] >= 0.5 and flow[step.CALLS] >= 0.999 * design.dispatch_rate:
            return "rate limit"
        return "idle" if busy < 0.5 else "some busy"

    def _gateway(self, now: list[float], flow: list[float], health: float) -> str:
        calls = now[step.IN_FLIGHT]
        if flow[step.REFUSED] >= NOTHING:
            return "refusing"
        if health < 0.995:
            return "brownout"
        if calls < 0.5:
            return "idle"
        if calls < 0.8 * self.best:
            return "has room"
        return "near its best" if calls <= 1.05 * self.best else "past its best"
