"""What a drop consists of, besides its demand: the buyers, the payment gateway, and our design."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..formulas.usl import usl_peak, usl_response_time, usl_throughput
from ..parameters import Checked, Numeric, ParameterError, default, documented


@documented("buyers")
@dataclass(frozen=True, eq=False)
class Buyers(Checked):
    """How buyers behave: how long they wait, and whether they come back when turned away.

    >>> Buyers(patience=[60, 600]).patience.tolist()
    [60.0, 600.0]
    """

    patience: Numeric = default("buyers", "patience")
    reload_probability: Numeric = default("buyers", "reload_probability")
    reload_delay: Numeric = default("buyers", "reload_delay")
    bot_share: Numeric = default("buyers", "bot_share")


@dataclass(frozen=True, eq=False)
class Brownout(Checked):
    """A stretch of time, from `start` to `end` in seconds, in which the gateway runs at a share `health` of its speed."""

    start: Numeric
    end: Numeric
    health: Numeric

    def __post_init__(self) -> None:
        for name in ("start", "end", "health"):
            try:
                value = np.array(getattr(self, name))
                if value.dtype.kind not in "iuf" or value.size == 0:
                    raise TypeError
                value = value.astype(np.float64)
            except (TypeError, ValueError):
                value = np.array(np.nan)
            if np.isnan(value).any():
                raise ParameterError(
                    f"brownout {name} is {getattr(self, name)!r}: must be a number; pass start and end in s, health as a share"
                )
            value.flags.writeable = False
            object.__setattr__(self, name, float(value) if value.ndim == 0 else value)
        if np.any(np.asarray(self.health) < 0) or np.any(np.asarray(self.health) > 1):
            raise ParameterError(
                f"brownout health is {self.health!r}: must be a share from 0 (dead) to 1 (healthy); for 20 % speed pass 0.2"
            )
        shapes = [np.shape(value) for value in (self.start, self.end, self.health)]
        try:
            np.broadcast_shapes(*shapes)
        except ValueError:
            raise ParameterError(
                f"brownout shapes (start, end, health) are {shapes}: must broadcast; give all the same length, or scalars"
            ) from None
        if np.any(np.asarray(self.end) < np.asarray(self.start)):
            raise ParameterError(f"brownout ends at {self.end!r} s, before it starts at {self.start!r} s; swap the two")


@documented("gateway")
@dataclass(frozen=True, eq=False)
class PaymentGateway(Checked):
    """The external payment gateway: quick when healthy, impossible to scale, slow and erring when over-driven.

    A call among N in flight takes, by the Universal Scalability Law,

        R(N) = service_time / health(t) * (1 + contention*(N-1)+ + coherency*N*(N-1)+).

    Brownouts are added with `.brownout(start, end, health)`, as many as wanted.

    >>> gateway = PaymentGateway().brownout(300, 360, 0.2)
    >>> calls, rate = PaymentGateway().peak()
    >>> round(calls), round(rate, 1)
    (160, 86.6)
    """

    service_time: Numeric = default("gateway", "service_time")
    contention: Numeric = default("gateway", "contention")
    coherency: Numeric = default("gateway", "coherency")
    call_limit: Numeric = default("gateway", "call_limit")
    error_time: Numeric = default("gateway", "error_time")
    error_rate: Numeric = default("gateway", "error_rate")
    decline_rate: Numeric = default("gateway", "decline_rate")
    brownouts: tuple[Brownout, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.brownouts, tuple) or not all(isinstance(b, Brownout) for b in self.brownouts):
            raise ParameterError(
                f"gateway.brownouts is {self.brownouts!r}: must be a tuple of Brownout; use .brownout(start, end, health)"
            )

    def brownout(self, start: Numeric, end: Numeric, health: Numeric) -> PaymentGateway:
        """The same gateway running at `health` (0 to 1) of its speed from `start` to `end` (s); chainable.

        Where brownouts overlap, their healths multiply. Health 0 is a gateway that answers nothing.

        >>> PaymentGateway().brownout(300, 360, 0.2).brownout(350, 400, 0).brownouts[1].health
        0.0
        """
        return dataclasses.replace(self, brownouts=(*self.brownouts, Brownout(start, end, health)))

    def response_time(self, calls: Numeric) -> Any:
        """Seconds one call takes among `calls` in flight, while healthy.

        >>> PaymentGateway().response_time([1, 160, 800]).round(2).tolist()
        [0.8, 1.85, 22.02]
        """
        return usl_response_time(calls, self.service_time, self.contention, self.coherency)

    def throughput(self, calls: Numeric) -> Any:
        """Calls completed per second with `calls` in flight, while healthy.

        >>> PaymentGateway().throughput([1, 160, 800]).round(2).tolist()
        [1.25, 86.57, 36.33]
        """
        return usl_throughput(calls, self.service_time, self.contention, self.coherency)

    def peak(self) -> tuple[Any, Any]:
        """The calls in flight N* at which throughput peaks, and that throughput in calls/s.

        >>> [round(x, 1) for x in PaymentGateway(contention=0.01, coherency=0.0006).peak()]
        [40.6, 21.5]
        """
        return usl_peak(self.service_time, self.contention, self.coherency)


@documented("design")
@dataclass(frozen=True, eq=False)
class Design(Checked):
    """Everything we may decide, all of it before 12:00. `Design()` is the protected recommendation.

    >>> Design().workers, Design.naive().workers
    (150.0, 800.0)
    """

    admit_rate: Numeric = default("design", "admit_rate")
    admit_burst: Numeric = default("design", "admit_burst")
    max_wait: Numeric = default("design", "max_wait")
    queue_limit: Numeric = default("design", "queue_limit")
    skip_stale: Numeric | bool = default("design", "skip_stale")
    workers: Numeric = default("design", "workers")
    dispatch_rate: Numeric = default("design", "dispatch_rate")
    timeout: Numeric = default("design", "timeout")
    attempts: Numeric = default("design", "attempts")
    backoff: Numeric = default("design", "backoff")
    door_servers: Numeric = default("design", "door_servers")
    door_time: Numeric = default("design", "door_time")
    refusal_cost: Numeric = default("design", "refusal_cost")
    stock: Numeric = default("design", "stock")
    overbooking: Numeric = default("design", "overbooking")
    retry_budget: Numeric = default("design", "retry_budget")
    breaker_threshold: Numeric = default("design", "breaker_threshold")
    breaker_window: Numeric = default("design", "breaker_window")
    breaker_pause: Numeric = default("design", "breaker_pause")
    breaker_probe: Numeric = default("design", "breaker_probe")
    aimd_target: Numeric = default("design", "aimd_target")
    aimd_start: Numeric = default("design", "aimd_start")
    aimd_increase: Numeric = default("design", "aimd_increase")
    aimd_cut: Numeric = default("design", "aimd_cut")
    warm_workers: Numeric = default("design", "warm_workers")
    scale_at: Numeric = default("design", "scale_at")
    scale_queue: Numeric = default("design", "scale_queue")
    scale_delay: Numeric = default("design", "scale_delay")
    scale_rate: Numeric = default("design", "scale_rate")
    idempotency_lifetime: Numeric = default("design", "idempotency_lifetime")

    @classmethod
    def unlimited(cls, **changes: Any) -> Design:
        """A design with no limit anywhere, except those given: a door that is always open, an endless queue.

        >>> Design.unlimited(workers=160).queue_limit
        inf
        """
        return cls(**{"queue_limit": np.inf, "workers": np.inf, **changes})

    @classmethod
    def naive(cls) -> Design:
        """What one builds without this series: let everybody in, and plenty of workers to be safe.

        >>> Design.naive() == Design.unlimited(workers=800)
        True
        """
        return cls.unlimited(workers=800)
