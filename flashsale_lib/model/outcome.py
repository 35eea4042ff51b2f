"""What came out of a drop: where every buyer ended, and every quantity over time."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..parameters import FloatArray, ParameterError
from . import door, quantiles, step
from .engine import wait_edges

if TYPE_CHECKING:
    import pandas as pd

PLACES: dict[str, tuple[int, str]] = {
    "paid": (step.PAID, "order confirmed while the buyer was still there"),
    "paid_late": (step.PAID_LATE, "charged after the buyer had left"),
    "declined": (step.DECLINED, "card declined: an answer, not an error"),
    "turned_away": (step.TURNED_AWAY, "not let in, and did not come back"),
    "gave_up": (step.GAVE_UP, "left the queue before their turn"),
    "dead_lettered": (step.DEAD_LETTERED, "every attempt failed"),
    "reloading": (step.RELOADING, "turned away, about to press reload"),
    "queued": (step.QUEUED, "in the queue at the end"),
    "at_gateway": (step.AT_GATEWAY, "in a call at the end"),
    "recovering": (step.RECOVERING, "waiting for the next attempt at the end"),
}
"""Where a buyer can be, in the order of the ledger: one buyer is in exactly one of these places."""

FLOWS: dict[str, tuple[int, str]] = {
    "arrivals": (step.ARRIVED, "buyers/s"),
    "offered": (step.OFFERED, "buyers/s"),
    "admitted": (step.ADMITTED, "buyers/s"),
    "dispatched": (step.CALLS, "calls/s"),
    "refused": (step.REFUSED, "calls/s"),
    "timed_out": (step.TIMED_OUT, "calls/s"),
    "goodput": (step.PAID, "buyers/s"),
    "giving_up": (step.GAVE_UP, "buyers/s"),
    "turning_away": (step.TURNED_AWAY, "buyers/s"),
    "dead_lettering": (step.DEAD_LETTERED, "buyers/s"),
}
"""Series that are rates: the mean over the step that ends at each time (0 at the first)."""

LEVELS: dict[str, tuple[int, str]] = {
    "queue": (step.QUEUED, "buyers"),
    "in_flight": (step.IN_FLIGHT, "calls"),
    "waited_for": (step.AT_GATEWAY, "calls"),
    "retry_queue": (step.RECOVERING, "buyers"),
    "reload_pool": (step.RELOADING, "buyers"),
    "tokens": (step.TOKENS, "tokens"),
    "response_time": (step.RESPONSE_TIME, "s"),
    "door_load": (step.DOOR_LOAD, "share"),
    "door_delay": (step.DOOR_DELAY, "s"),
    "workers_up": (step.WORKERS_UP, "calls"),
    "own_limit": (step.OWN_LIMIT, "calls"),
    "breaker": (step.BREAKER, "0 closed, 0.5 trying, 1 open"),
    "wait": (step.FIELDS, "s"),
}
"""Series that are states at each time. `wait` is how long a buyer who joins the queue then waits for the call, and
`own_limit` that of the adaptive limit; `workers_up` and `own_limit` are 0 where there is no limit."""

SERIES = {**FLOWS, **LEVELS, "accept_latency": (-1, "s")}
"""All series and their units; `accept_latency` is the mean time until the front door has answered."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of `simulate`.

    Totals have the batch shape of the scenario (a plain float for one scenario): `arrived`, the ten places of the
    ledger (`paid`, `paid_late`, `declined`, `turned_away`, `gave_up`, `dead_lettered`, `reloading`, `queued`,
    `at_gateway`, `recovering`; buyers), `requests`, `admissions` (buyers), `calls`, `retries`, `refused_calls`,
    `timed_out_calls`, `double_charges`, `orphan_charges` (calls), `worker_seconds`, `busy_seconds`,
    `queue_seconds`, and the peaks `max_queue` (buyers), `max_in_flight` (calls), `longest_wait` and `worst_response_time` (s). All
    arrays are read-only.

    Series have that shape plus time as the last axis, and need record=True: `time` (s), the rates `arrivals`,
    `offered` (with reloads), `admitted`, `goodput`, `giving_up`, `turning_away`, `dead_lettering` (buyers/s),
    `dispatched`, `refused`, `timed_out` (calls/s), and the levels `queue`, `retry_queue`, `reload_pool` (buyers),
    `in_flight`, `waited_for` (calls), `tokens`, `response_time`, `wait`, `accept_latency` (s); of the front door's
    servers `door_load` (share) and `door_delay` (s); of the policies `workers_up`, `own_limit` (calls), `breaker`.

    >>> from flashsale_lib import simulate
    >>> outcome = simulate()
    >>> round(outcome.paid), round(outcome.queue.max()) == round(outcome.max_queue)
    (22482, True)
    """

    shape: tuple[int, ...]
    dt: float
    start: float
    steps: int
    totals: FloatArray = field(repr=False)
    peaks: FloatArray = field(repr=False)
    waits: NDArray[np.float32] = field(repr=False)
    accepts: NDArray[np.float32] = field(repr=False)
    recorded: FloatArray | None = field(repr=False)
    scenario: tuple[Any, Any, Any, Any] = field(repr=False)

    def _total(self, index: int) -> Any:
        return self._shaped(self.totals[:, index])

    def _shaped(self, flat: FloatArray) -> Any:
        return flat.reshape(self.shape) if self.shape else float(flat[0])

    # Totals, spelled out so that editors complete them.
    arrived = property(lambda self: self._total(step.ARRIVED), doc="Fresh buyers, without reloads.")
    paid = property(lambda self: self._total(step.PAID), doc=PLACES["paid"][1])
    paid_late = property(lambda self: self._total(step.PAID_LATE), doc=PLACES["paid_late"][1])
    declined = property(lambda self: self._total(step.DECLINED), doc=PLACES["declined"][1])
    turned_away = property(lambda self: self._total(step.TURNED_AWAY), doc=PLACES["turned_away"][1])
    gave_up = property(lambda self: self._total(step.GAVE_UP), doc=PLACES["gave_up"][1])
    dead_lettered = property(lambda self: self._total(step.DEAD_LETTERED), doc=PLACES["dead_lettered"][1])
    reloading = property(lambda self: self._total(step.RELOADING), doc=PLACES["reloading"][1])
    queued = property(lambda self: self._total(step.QUEUED), doc=PLACES["queued"][1])
    at_gateway = property(lambda self: self._total(step.AT_GATEWAY), doc=PLACES["at_gateway"][1])
    recovering = property(lambda self: self._total(step.RECOVERING), doc=PLACES["recovering"][1])
    admissions = property(lambda self: self._total(step.ADMITTED), doc="Buyers let in, over the whole window.")
    calls = property(lambda self: self._total(step.CALLS), doc="Calls started, refused ones included.")
    retries = property(lambda self: self._total(step.RETRIES), doc="Failed attempts that were sent to try again.")
    refused_calls = property(lambda self: self._total(step.REFUSED), doc="Calls the gateway refused at once.")
    timed_out_calls = property(lambda self: self._total(step.TIMED_OUT), doc="Calls given up on after the timeout.")
    requests = property(lambda self: self._total(step.OFFERED), doc="Buyers at the front door, reloads included.")
    double_charges = property(
        lambda self: self._total(step.DOUBLE_CHARGES),
        doc="Calls that succeeded after we had given up on them and tried again, without a key that the gateway still "
        "knew: each may have charged a buyer twice. An expected number.",
    )
    orphan_charges = property(
        lambda self: self._total(step.ORPHAN_CHARGES),
        doc="Last attempts that succeeded after we had given up on them: charged, and no order. An expected number.",
    )
    worker_seconds = property(
        lambda self: self._total(step.BILLED), doc="Worker-seconds paid for, warm-up included; busy ones if unlimited."
    )
    queue_seconds = property(lambda self: self._total(step.QUEUEING), doc="Buyer-seconds spent in the queue.")
    busy_seconds = property(lambda self: self._total(step.BUSY), doc="Worker-seconds spent on calls.")
    max_queue = property(lambda self: self._shaped(self.peaks[:, step.MAX_QUEUE]), doc="Longest queue, buyers.")
    max_in_flight = property(
        lambda self: self._shaped(self.peaks[:, step.MAX_IN_FLIGHT]), doc="Most calls in flight at the gateway."
    )
    longest_wait = property(
        lambda self: self._shaped(self.peaks[:, step.LONGEST_WAIT]),
        doc="Longest wait in the queue of a buyer let in who did not give up, s.",
    )
    worst_response_time = property(
        lambda self: self._shaped(self.peaks[:, step.WORST_RESPONSE_TIME]), doc="Slowest the gateway got, s."
    )

    @property
    def time(self) -> FloatArray:
        """The instants of all series, in seconds, shape (steps + 1,).

        >>> from flashsale_lib import simulate
        >>> simulate().time[[0, 1, -1]].tolist()
        [0.0, 0.25, 900.0]
        """
        return self.start + self.dt * np.arange(self.steps + 1, dtype=np.float64)

    def __getattr__(self, name: str) -> Any:
        if name in SERIES:
            return self.series(name)
        known = ", ".join((*PLACES, *SERIES))
        raise AttributeError(f"an Outcome has no {name!r}; it has arrived, calls, admissions, time, {known}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *SERIES})

    def series(self, name: str) -> FloatArray:
        """One series by name, shape (..., steps + 1); see `SERIES` for the names and their units.

        >>> from flashsale_lib import Design, simulate
        >>> simulate(Design(workers=[40, 80])).series("queue").shape
        (2, 3601)
        """
        if name not in SERIES:
            raise ParameterError(f"series {name!r} is unknown: must be one of {', '.join(SERIES)}")
        if name == "accept_latency":
            return self._accept_latency().reshape((*self.shape, -1))
        values = self._recorded(name)[:, SERIES[name][0]]
        if name in FLOWS:
            values = np.diff(values, axis=-1, prepend=0.0) / self.dt
        return values.reshape((*self.shape, -1))

    def _each(self, *values: Any) -> Any:
        """Parameters of the scenario, one value per scenario of the flat batch, to iterate over together."""
        return zip(*(np.broadcast_to(value, self.shape).ravel() for value in values), strict=True)

    def _accept_latency(self) -> FloatArray:
        design = self.scenario[0]
        rows = []
        doors = self._each(design.door_servers, design.door_time, design.refusal_cost)
        for (servers, time, cost), series in zip(doors, self._recorded("accept_latency"), strict=True):
            offered, admitted = (np.diff(series[i], prepend=0.0) for i in (step.OFFERED, step.ADMITTED))
            yes = np.divide(admitted, offered, out=np.ones_like(offered), where=offered > 0)
            service = np.maximum(time * (yes + (1.0 - yes) * cost), 1e-9)
            rows.append(door.mean_latency(servers, service, series[step.DOOR_LOAD], series[step.DOOR_DELAY]))
        return np.array(rows)

    def accept_quantile(self, q: Any) -> Any:
        """The time until the front door has answered, at most, for a share `q` of all requests, in seconds.

        An M/M/c station while it keeps up, a fluid backlog while it does not. Weighted by requests, reloads and
        refusals included. NaN where there were none. An array of q adds its axes at the end.

        >>> from flashsale_lib import Design, simulate
        >>> round(simulate(Design.naive()).accept_quantile(0.99), 3)
        0.092
        """
        q = quantiles.share(q)
        edges = wait_edges(self.steps * self.dt)
        design = self.scenario[0]
        requests, admitted = self.totals[:, step.OFFERED], self.totals[:, step.ADMITTED]
        servers, time, cost = (
            np.broadcast_to(value, self.shape).ravel()
            for value in (design.door_servers, design.door_time, design.refusal_cost)
        )
        share = admitted / np.maximum(requests, 1e-300)
        rows = door.latency_quantiles(servers, time, cost, share, self.accepts, edges, q.ravel())
        return quantiles.shaped(rows, self.shape, q)

    def _recorded(self, what: str) -> FloatArray:
        if self.recorded is None:
            raise ParameterError(f"{what} was not recorded; call simulate(..., record=True)")
        return self.recorded

    def ledger(self, over_time: bool = False) -> pd.DataFrame:
        """Where every buyer is, by place: at the end, or at every instant.

        The rows of one scenario add up to `arrived`, to 1e-9 of it. For a batch, scenario axes `axis_0`, ... come
        first. At the end: columns `place`, `buyers`, `share` (of arrived), `meaning`. Over time: columns `time`,
        `arrived` and one per place.

        >>> from flashsale_lib import simulate
        >>> ledger = simulate().ledger()
        >>> round(ledger["buyers"].sum()), round(float(ledger["share"].sum()), 9)
        (33550, 1.0)
        """
        import pandas as pd

        frames = []
        for flat, labels in self._scenarios():
            if over_time:
                recorded = self._recorded("the ledger over time")[flat]
                columns = {"time": self.time, "arrived": recorded[step.ARRIVED]}
                columns |= {place: recorded[i] for place, (i, _) in PLACES.items()}
                frame = pd.DataFrame(columns)
            else:
                buyers = np.array([self.totals[flat, i] for i, _ in PLACES.values()])
                arrived = self.totals[flat, step.ARRIVED]
                share = buyers / arrived if arrived > 0 else np.zeros_like(buyers)
                frame = pd.DataFrame(
                    {
                        "place": list(PLACES),
                        "buyers": buyers,
                        "share": share,
                        "meaning": [m for _, m in PLACES.values()],
                    }
                )
            for axis, label in reversed(list(enumerate(labels))):
                frame.insert(0, f"axis_{axis}", label)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def frame(self) -> pd.DataFrame:
        """All series, tidy: columns `time` and one per series; for a batch, scenario axes `axis_0`, ... first.

        >>> from flashsale_lib import simulate
        >>> frame = simulate().frame()
        >>> len(frame), list(frame.columns[:3])
        (3601, ['time', 'arrivals', 'offered'])
        """
        import pandas as pd

        flat = {name: self.series(name).reshape(-1, self.steps + 1) for name in SERIES}
        frames = []
        for scenario, labels in self._scenarios():
            columns: dict[str, Any] = {f"axis_{axis}": label for axis, label in enumerate(labels)}
            columns["time"] = self.time
            columns |= {name: values[scenario] for name, values in flat.items()}
            frames.append(pd.DataFrame(columns))
        return pd.concat(frames, ignore_index=True)

    def _scenarios(self) -> Any:
        return enumerate(itertools.product(*(range(n) for n in self.shape)))

    def wait_quantile(self, q: Any) -> Any:
        """The time in the queue that a share `q` (0 to 1) of the buyers waited at most, in seconds.

        Weighted by the buyers who waited it: everyone let in who did not give up. Whoever is still queued when the
        window closes counts with the wait so far. NaN where nobody was let in. Right to 0.6 %, the width of
        the bins in which waits are kept (so that sweeps need no series); a wait below 0.01 s counts as 0. An
        array of q adds its axes at the end.

        >>> from flashsale_lib import Design, simulate
        >>> round(simulate(Design.unlimited(workers=160)).wait_quantile(0.95))
        140
        """
        q = quantiles.share(q)
        edges = wait_edges(self.steps * self.dt)
        longest = self.peaks[:, step.LONGEST_WAIT]
        rows = [quantiles.from_bins(*each, edges, q) for each in zip(self.waits, longest, strict=True)]
        return quantiles.shaped(rows, self.shape, q)

    def call_quantile(self, q: Any) -> Any:
        """The time a worker spends on one call, at most, for a share `q` of the calls, in s. Needs record=True.

        Exponential with the gateway's response time, cut at the timeout; refused calls are left out. NaN where no
        call was taken.

        >>> from flashsale_lib import Design, simulate
        >>> round(simulate(Design.naive()).call_quantile(0.95), 1)
        10.0
        """
        return self._calls("calls", q, after_queue=False)

    def latency_quantile(self, q: Any) -> Any:
        """The time from being let in to the end of the first call, at most, for a share `q` of the buyers, in s.

        Queue wait plus call: as in `call_quantile` with the response time at its start, or, with the share of calls
        refused then, the gateway's `error_time`. Weighted by the buyers whose call began in the window. NaN where
        there were none. Needs record=True.

        >>> from flashsale_lib import Design, simulate
        >>> round(simulate(Design(admit_rate=40, workers=1000)).latency_quantile(0.5), 1)
        0.6
        """
        return self._calls("latency", q, after_queue=True)

    def _calls(self, what: str, q: Any, after_queue: bool) -> Any:
        q = quantiles.share(q)
        design, _, buyers, gateway = self.scenario
        instants = np.arange(self.steps + 1) * self.dt
        middles = instants[1:] - 0.5 * self.dt
        rows = []
        limits = self._each(design.timeout, buyers.patience, gateway.error_time)
        for (timeout, patience, error_time), series in zip(limits, self._recorded(what), strict=True):
            calls, refused = np.diff(series[step.CALLS]), np.diff(series[step.REFUSED])
            if after_queue:
                wait = 0.5 * (series[step.FIELDS][1:] + series[step.FIELDS][:-1])
                began = (middles + wait < instants[-1]) & bool(calls.any())
                weight = np.diff(series[step.ADMITTED]) * np.exp(-wait / patience) * began
                share = np.divide(refused, calls, out=np.zeros_like(calls), where=calls > 0)
                share = np.interp(middles + wait, middles, share)
            else:
                wait, share = np.zeros(self.steps), np.zeros(self.steps)
                weight = np.maximum(calls - refused, 0.0)
            response = np.interp(middles + wait, instants, series[step.RESPONSE_TIME])
            rows.append(quantiles.of_calls(weight, wait, response, share, timeout, error_time, q))
        return quantiles.shaped(rows, self.shape, q)
