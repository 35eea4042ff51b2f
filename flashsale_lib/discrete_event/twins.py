"""The twin: the same drop buyer by buyer, as an event simulation in SimPy.

It shares parameters with the engine and no equations: every buyer, call, token and patience is drawn one by one, a
timeout is a fixed time, the queue is a queue. Where the two disagree, the fluid is the approximation.
"""

from __future__ import annotations

import itertools
import math
from concurrent.futures import Executor
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..model.demand import Demand
from ..model.drop import lay_out
from ..model.scenario import Buyers, Design, PaymentGateway
from ..parameters import FloatArray, ParameterError
from .events import Events


@dataclass(eq=False)
class TwinOutcome:
    """One replication: the totals of `Outcome`, buyers and calls as whole numbers, and every single time a buyer went
    through. `bill` and `score` read it as they read an `Outcome`.

    waits : s in the queue before the first call, of those who got there or still wait.
    latencies : s from being let in to the end of the first call. accept_latencies : s until the door has answered.
    time, queue, in_flight : samples, one per second; the totals in worker-seconds and buyer-seconds are their sums.
    scenario : design, demand, buyers, gateway.
    """

    seed: int
    totals: dict[str, float]
    scenario: tuple[Design, Demand, Buyers, PaymentGateway] = field(repr=False)
    waits: FloatArray = field(repr=False)
    latencies: FloatArray = field(repr=False)
    accept_latencies: FloatArray = field(repr=False)
    time: FloatArray = field(repr=False)
    queue: FloatArray = field(repr=False)
    in_flight: FloatArray = field(repr=False)

    def __getattr__(self, name: str) -> float:
        totals: dict[str, float] = self.__dict__.get("totals", {})  # empty while unpickling
        if name not in totals:
            raise AttributeError(f"a TwinOutcome has no {name!r}; its totals are {', '.join(totals)}")
        return totals[name]

    def wait_quantile(self, q: float) -> float:
        """The time in the queue that a share `q` waited at most, s; NaN where nobody waited."""
        return float(np.quantile(self.waits, q)) if self.waits.size else math.nan

    def latency_quantile(self, q: float) -> float:
        """The time from being let in to the end of the first call, s; NaN where there was none."""
        return float(np.quantile(self.latencies, q)) if self.latencies.size else math.nan

    def accept_quantile(self, q: float) -> float:
        """The time until the front door has answered, s; NaN where nobody came."""
        return float(np.quantile(self.accept_latencies, q)) if self.accept_latencies.size else math.nan


def twin(
    design: Design | None = None,
    *,
    demand: Demand | None = None,
    buyers: Buyers | None = None,
    gateway: PaymentGateway | None = None,
    seed: int = 0,
    replications: int | None = None,
    executor: Executor | None = None,
) -> Any:
    """The same scenario as `simulate`, buyer by buyer.

    Parameters
    ----------
    design, demand, buyers, gateway : one scenario, no arrays. workers, queue_limit and the like count whole buyers.
    seed : of the first replication; each further one takes the next. The same seed gives the same drop.
    replications : None for one `TwinOutcome`, a number for a list of them.
    executor : any `concurrent.futures.Executor` that spreads the replications.

    Raises
    ------
    ParameterError : an array among the parameters, or replications below 1.

    >>> from flashsale_lib import Demand, Design
    >>> from flashsale_lib.model.outcome import PLACES
    >>> outcome = twin(Design(workers=20), demand=Demand([0, 60], [10, 10]), seed=1)
    >>> outcome.arrived == sum(outcome.totals[place] for place in PLACES)
    True
    """
    batch = lay_out(design, demand, buyers, gateway)
    if batch.shape:
        raise ParameterError(f"the twin plays one scenario, not {len(batch.records)}: pass scalars, or loop over them")
    values = dict(zip(batch.records.dtype.names, batch.records[0].tolist(), strict=True))
    scenario = (batch.design, batch.demand, batch.buyers, batch.gateway)
    job = (values, scenario, [table[0] for table in batch.brownouts])
    if replications is None:
        return _replicate(*job, seed)
    if replications < 1:
        raise ParameterError(f"replications is {replications}: must be at least 1; pass None for a single outcome")
    seeds = range(seed, seed + replications)
    jobs = [itertools.repeat(part, replications) for part in job]
    return list((executor.map if executor else map)(_replicate, *jobs, seeds))


def _replicate(p: dict[str, float], scenario: Any, brownouts: list[FloatArray], seed: int) -> TwinOutcome:
    demand = scenario[1]
    events = Events(SimpleNamespace(**p), demand, brownouts, seed)
    events.run()
    totals: dict[str, float] = dict(events.count)
    totals |= {"max_queue": events.max_queue, "max_in_flight": events.max_in_flight}
    totals["longest_wait"] = float(max(events.waits, default=0.0))
    totals["worst_response_time"] = events.worst_response_time
    time, queue, in_flight, busy, called = np.array(events.samples, dtype=np.float64).T
    seconds = np.diff(time, append=demand.window)  # that each sample stands for
    paid_for = np.where(np.isfinite(called), called, busy)  # unlimited workers cost what they work
    sums = {"worker_seconds": paid_for, "busy_seconds": busy, "queue_seconds": queue}
    totals |= {name: float(samples @ seconds) for name, samples in sums.items()}
    return TwinOutcome(
        seed=seed,
        totals=totals,
        scenario=scenario,
        waits=np.array(events.waits),
        latencies=np.array(events.latencies),
        accept_latencies=events.accept_latencies(),
        time=float(demand.time[0]) + time,
        queue=queue,
        in_flight=in_flight,
    )
