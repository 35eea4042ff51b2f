"""The one table of every parameter, and the check that every value goes through.

Everything that needs to know about a parameter reads it here: the dataclasses take their defaults and
docstrings from it, validation its bounds, sliders their ranges, pictures their labels, and the glossary its
meanings.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
Numeric: TypeAlias = float | FloatArray

HUGE = 1e9
"""Largest finite value of an unbounded parameter: beyond it, say infinity."""
BRIEF = 1e-6
"""Shortest time a parameter may take, in seconds: a microsecond."""


class ParameterError(ValueError):
    """A value that no parameter may take; says the name, the value, the bounds and what to do next."""


class UnknownParameterError(ParameterError, TypeError):
    """A name that is not in the table."""


@dataclass(frozen=True)
class Slider:
    """How a control offers a parameter: a range narrower than what is legal, and the spacing of its values."""

    low: float
    high: float
    step: float = 1.0
    log: bool = False
    """Spread the values evenly in the logarithm: `step` is then the number of values per factor of ten."""
    unlimited: bool = False
    """The right-hand end of the slider means "no limit" (infinity)."""


@dataclass(frozen=True)
class Parameter:
    """One row of the table."""

    owner: str
    name: str
    symbol: str
    unit: str
    default: float
    low: float
    high: float
    meaning: str
    slider: Slider
    whole: bool = False
    flag: bool = False
    unlimited: bool = False
    """Infinity is legal and means "no limit"."""

    @property
    def bounds(self) -> str:
        """The legal range in words, as error messages and docstrings give it."""
        if self.flag:
            return "True or False"
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} from {self.low:g} to {self.high:g}{' or infinity' if self.unlimited else ''}"

    @property
    def label(self) -> str:
        """Name in plain words with its unit: "queue limit (buyers)"."""
        return f"{self.name.replace('_', ' ')} ({self.unit})"


INF = math.inf

TABLE: tuple[Parameter, ...] = (
    # ---- demand: the parametric drop -----------------------------------------------------------
    Parameter("demand", "base", "λ₀", "buyers/s", 5.0, 0.0, HUGE,
              "arrival rate before the drop, and underneath it", Slider(0, 50)),
    Parameter("demand", "surge", "λ₁", "buyers/s", 700.0, 0.0, HUGE,
              "extra arrival rate at the peak, on top of the base", Slider(0, 1400, 10)),
    Parameter("demand", "start", "t₀", "s", 60.0, 0.0, HUGE,
              "when the drop goes live", Slider(0, 300, 5)),
    Parameter("demand", "ramp", "t_r", "s", 3.0, 0.0, HUGE,
              "how long the rate takes to climb to its peak", Slider(0, 60)),
    Parameter("demand", "decay", "D", "s", 40.0, BRIEF, HUGE,
              "time constant with which the surge dies away", Slider(10, 300, 5)),
    Parameter("demand", "window", "T", "s", 900.0, BRIEF, HUGE,
              "length of the window we look at", Slider(300, 3600, 60)),
    # ---- buyers ----------------------------------------------------------------------------
    Parameter("buyers", "patience", "1/θ", "s", 300.0, BRIEF, HUGE,
              "mean time a buyer stays in the queue before giving up (exponential)",
              Slider(10, 1000, 20, log=True, unlimited=True), unlimited=True),
    Parameter("buyers", "reload_probability", "r", "share", 0.6, 0.0, 1.0,
              "share of turned-away buyers who press reload", Slider(0, 1, 0.05)),
    Parameter("buyers", "reload_delay", "δ", "s", 20.0, BRIEF, HUGE,
              "mean time until a reloading buyer is back at the front door (exponential)",
              Slider(1, 100, 10, log=True)),
    Parameter("buyers", "bot_share", "", "share", 0.0, 0.0, 0.99,
              "share of the requests at the front door, and of the tokens, that go to bots",
              Slider(0, 0.9, 0.05)),
    # ---- payment gateway ---------------------------------------------------------------------
    Parameter("gateway", "service_time", "s₀", "s", 0.8, BRIEF, HUGE,
              "mean time of one call when it is alone at a healthy gateway", Slider(0.1, 5, 0.1)),
    Parameter("gateway", "contention", "σ", "per call", 0.002, 0.0, 1.0,
              "share of the work that calls must do one after another (USL)",
              Slider(0.0001, 0.1, 10, log=True)),
    Parameter("gateway", "coherency", "κ", "per pair of calls", 3.9e-5, 0.0, 1.0,
              "cost of keeping calls consistent with one another; why throughput falls (USL)",
              Slider(1e-6, 1e-3, 10, log=True)),
    Parameter("gateway", "call_limit", "K", "calls", 1200.0, 1.0, HUGE,
              "calls in flight beyond which the gateway refuses at once",
              Slider(10, 10_000, 20, log=True, unlimited=True), unlimited=True),
    Parameter("gateway", "error_time", "e", "s", 0.2, BRIEF, HUGE,
              "mean time until a refused call has come back as an error", Slider(0.05, 2, 0.05)),
    Parameter("gateway", "error_rate", "ε", "share", 0.002, 0.0, 1.0,
              "share of completed calls that end in a retryable error", Slider(0, 0.5, 0.01)),
    Parameter("gateway", "decline_rate", "d", "share", 0.08, 0.0, 1.0,
              "share of the calls without an error in which the card is declined: an outcome, not an error",
              Slider(0, 0.5, 0.01)),
    # ---- design: what we decide before 12:00 ----------------------------------------------------
    Parameter("design", "admit_rate", "a", "buyers/s", INF, 0.0, HUGE,
              "tokens per second at the front door: the sustained rate it lets in",
              Slider(10, 1000, 30, log=True, unlimited=True), unlimited=True),
    Parameter("design", "admit_burst", "b", "buyers", 100.0, 0.0, HUGE,
              "tokens saved up at most: how many buyers may come in at once",
              Slider(0, 5000, 50)),
    Parameter("design", "max_wait", "w", "s", INF, 0.0, HUGE,
              "the promise: the front door closes while the estimated wait is longer",
              Slider(1, 1000, 20, log=True, unlimited=True), unlimited=True),
    Parameter("design", "queue_limit", "L", "buyers", 12000.0, 0.0, HUGE,
              "buyers in the queue at which the front door closes",
              Slider(10, 31_600, 20, log=True, unlimited=True), unlimited=True),
    Parameter("design", "skip_stale", "", "", True, 0.0, 1.0,
              "drop an intent before the call when its buyer has left", Slider(0, 1), flag=True),
    Parameter("design", "workers", "c", "calls", 150.0, 0.0, HUGE,
              "calls that may be under way at once", Slider(10, 1000, 10), unlimited=True),
    Parameter("design", "dispatch_rate", "ν", "calls/s", INF, 0.0, HUGE,
              "calls that may be started per second, fresh and recovered alike",
              Slider(1, 1000, 20, log=True, unlimited=True), unlimited=True),
    Parameter("design", "timeout", "τ", "s", 10.0, BRIEF, HUGE,
              "how long a worker waits for an answer before it abandons the call",
              Slider(0.5, 60, 0.5), unlimited=True),
    Parameter("design", "attempts", "n", "calls", 3.0, 1.0, 20.0,
              "calls made for one intent at most; 1 means no retry", Slider(1, 8), whole=True),
    Parameter("design", "backoff", "β", "s", 4.0, 0.0, HUGE,
              "mean pause before the second attempt (exponential); doubles each time",
              Slider(0, 60, 0.5)),
    Parameter("design", "door_servers", "c_d", "servers", 24.0, 1.0, 1e5,
              "requests the front door can answer at once", Slider(4, 64), whole=True),
    Parameter("design", "door_time", "s_d", "s", 0.02, BRIEF, HUGE,
              "mean time a door server needs to let one buyer in", Slider(0.005, 0.1, 0.005)),
    Parameter("design", "refusal_cost", "φ", "share", 0.25, 0.0, 1.0,
              "time to say no, as a share of the time to let a buyer in", Slider(0, 1, 0.05)),
    Parameter("design", "stock", "S", "orders", INF, 0.0, HUGE,
              "what there is to sell: the door closes when it is spoken for",
              Slider(100, 100_000, 10, log=True, unlimited=True), unlimited=True),
    Parameter("design", "overbooking", "o", "share", 0.0, 0.0, 10.0,
              "how many more buyers than stock are let in, for those who will not buy", Slider(0, 1, 0.05)),
    Parameter("design", "retry_budget", "ρ", "share", INF, 0.0, HUGE,
              "retries allowed per successful call, on top of a reserve of 100",
              Slider(0.01, 10, 10, log=True, unlimited=True), unlimited=True),
    Parameter("design", "breaker_threshold", "", "share", INF, 0.0, 1.0,
              "share of failed calls at which the circuit breaker opens",
              Slider(0.05, 1, 20, log=True, unlimited=True), unlimited=True),
    Parameter("design", "breaker_window", "", "s", 10.0, BRIEF, HUGE,
              "time over which the circuit breaker counts calls", Slider(1, 60)),
    Parameter("design", "breaker_pause", "", "s", 10.0, 0.0, HUGE,
              "how long an open circuit breaker makes no calls", Slider(0, 120)),
    Parameter("design", "breaker_probe", "", "calls/s", 5.0, 0.0, HUGE,
              "calls let through after the pause, to see how the gateway is", Slider(1, 50)),
    Parameter("design", "aimd_target", "", "s", INF, 0.0, HUGE,
              "time per call above which the adaptive limit cuts back",
              Slider(0.5, 20, 20, log=True, unlimited=True), unlimited=True),
    Parameter("design", "aimd_start", "", "calls", 20.0, 1.0, HUGE,
              "calls that the adaptive limit allows at first", Slider(1, 500, 20, log=True)),
    Parameter("design", "aimd_increase", "", "calls/s", 5.0, 0.0, HUGE,
              "how fast the adaptive limit grows while calls are quick", Slider(0, 50)),
    Parameter("design", "aimd_cut", "", "share", 0.7, 0.01, 1.0,
              "what is left of the adaptive limit after a cut", Slider(0.1, 1, 0.05)),
    Parameter("design", "warm_workers", "", "calls", INF, 0.0, HUGE,
              "workers that are up when the window opens; infinity means all of them",
              Slider(1, 1000, 20, log=True, unlimited=True), unlimited=True),
    Parameter("design", "scale_at", "", "s", INF, 0.0, HUGE,
              "when the other workers are called by schedule (pre-warm)",
              Slider(1, 1000, 20, log=True, unlimited=True), unlimited=True),
    Parameter("design", "scale_queue", "", "buyers", INF, 0.0, HUGE,
              "queue length at which they are called (autoscaling)",
              Slider(1, 10_000, 10, log=True, unlimited=True), unlimited=True),
    Parameter("design", "scale_delay", "", "s", 60.0, 0.0, HUGE,
              "time from the call until the first of them works; it is paid for", Slider(0, 300, 5)),
    Parameter("design", "scale_rate", "", "calls/s", 5.0, 0.0, HUGE,
              "workers that come up per second", Slider(1, 100), unlimited=True),
    Parameter("design", "idempotency_lifetime", "", "s", 86_400.0, 0.0, HUGE,
              "how long the gateway recognises a repeated call by its key; 0 means no keys",
              Slider(1, 1e5, 5, log=True, unlimited=True), unlimited=True),
    # ---- prices: data/prices.csv has the source and date of each -------------------------------
    Parameter("prices", "machine_hour", "", "$/h", 0.04937, 0.0, HUGE,
              "one machine of 1 vCPU and 2 GB for an hour", Slider(0, 1, 0.01)),
    Parameter("prices", "calls_per_machine", "", "calls", 10.0, BRIEF, HUGE,
              "workers, or servers of the front door, that share one machine", Slider(1, 100)),
    Parameter("prices", "standby", "", "s", 6300.0, 0.0, HUGE,
              "time that machines are up outside the window: before it, to be warm, and after it",
              Slider(0, 86_400, 900)),
    Parameter("prices", "request_million", "", "$", 1.0, 0.0, HUGE,
              "a million requests at the front door", Slider(0, 10, 0.5)),
    Parameter("prices", "poll_interval", "", "s", 5.0, BRIEF, HUGE,
              "time between two looks of a waiting buyer at the place in the queue; each is a request",
              Slider(1, 60), unlimited=True),
    Parameter("prices", "queue_million", "", "$", 0.4, 0.0, HUGE,
              "a million operations on the queue", Slider(0, 10, 0.1)),
    Parameter("prices", "queue_operations", "", "operations", 3.0, 0.0, HUGE,
              "operations for one passage through the queue: send, receive, delete", Slider(1, 10)),
    Parameter("prices", "fee_share", "", "share", 0.029, 0.0, 1.0,
              "the gateway's fee on each charge, as a share of it", Slider(0, 0.1, 0.001)),
    Parameter("prices", "fee_fixed", "", "$", 0.30, 0.0, HUGE,
              "the gateway's fee on each charge, fixed part", Slider(0, 1, 0.05)),
    Parameter("prices", "basket", "", "$", 60.0, 0.0, HUGE,
              "what one order is worth", Slider(10, 500, 10)),
    Parameter("prices", "margin", "", "share", 0.3, 0.0, 1.0,
              "what is left of an order after the goods are paid for", Slider(0, 1, 0.05)),
    # ---- targets ------------------------------------------------------------------------------
    Parameter("targets", "accept_p99", "", "s", 0.3, 0.0, HUGE,
              "accept latency that 99 % of requests stay below", Slider(0.05, 2, 0.05)),
    Parameter("targets", "gateway_load", "", "share", 1.0, 0.0, HUGE,
              "calls in flight at most, as a share of the gateway's best number", Slider(0.5, 2, 0.05)),
    Parameter("targets", "response_time", "", "s", 2.5, 0.0, HUGE,
              "gateway response time at worst", Slider(0.5, 10, 0.5)),
    Parameter("targets", "failed_share", "", "share", 0.005, 0.0, 1.0,
              "failed after being let in: every attempt failed, or still recovering at the end",
              Slider(0, 0.1, 0.005)),
    Parameter("targets", "wait_p95", "", "s", 120.0, 0.0, HUGE,
              "queue wait that 95 % of buyers stay below", Slider(10, 600, 10)),
    Parameter("targets", "cost_per_order", "", "$", 0.0005, 0.0, HUGE,
              "running cost of the window per confirmed order", Slider(0.0001, 0.01, 20, log=True)),
    Parameter("targets", "served_share", "", "share", 0.5, 0.0, 1.0,
              "buyers who paid, at least, as a share of those who came", Slider(0, 1, 0.05)),
    # ---- how it is computed -------------------------------------------------------------------
    Parameter("simulation", "dt", "Δt", "s", 0.25, BRIEF, HUGE,
              "longest step of the simulation", Slider(0.05, 1, 0.05)),
)  # fmt: skip

_ROWS = {(row.owner, row.name): row for row in TABLE}


def parameter(owner: str, name: str) -> Parameter:
    """The row of the table for one parameter.

    >>> parameter("gateway", "service_time").unit
    's'
    """
    try:
        return _ROWS[owner, name]
    except KeyError:
        known = sorted(n for o, n in _ROWS if o == owner) or sorted({o for o, _ in _ROWS})
        raise UnknownParameterError(_unknown(f"{owner}.{name}", name, known)) from None


def parameters(owner: str) -> Iterator[Parameter]:
    """All rows of one owner (`demand`, `buyers`, `gateway`, `design` or `simulation`), in order."""
    if not any(row.owner == owner for row in TABLE):
        raise UnknownParameterError(_unknown(owner, owner, sorted({row.owner for row in TABLE})))
    return (row for row in TABLE if row.owner == owner)


def default(owner: str, name: str) -> Any:
    """The default of a parameter, for a dataclass field."""
    return parameter(owner, name).default


def _unknown(shown: str, name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else "use one of these names"
    return f"{shown}: unknown name; {hint} Known: {', '.join(known)}"


def _show(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float | np.floating) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def check(row: Parameter, value: Any) -> Any:
    """`value` as a float (or a read-only float array), or a `ParameterError` that says what would be legal.

    Arrays are checked element by element; the message names the first bad one and its index.
    NaN is never legal; infinity only where it means "no limit".

    >>> check(parameter("design", "workers"), 160)
    160.0
    >>> check(parameter("gateway", "error_rate"), -0.1)
    Traceback (most recent call last):
        ...
    flashsale_lib.parameters.ParameterError: gateway.error_rate is -0.1 (share): must be a number from 0 to 1; \
move it to at least 0
    """
    if type(value) is bool and row.flag:
        return value  # the common cases, without building an array
    inside = isinstance(value, float) and (row.low <= value <= row.high or (value == INF and row.unlimited))
    if inside and not row.flag and (value.is_integer() or not row.whole):
        return float(value)
    name = f"{row.owner}.{row.name}"
    unit = f" ({row.unit})" if row.unit else ""
    if isinstance(value, np.ma.MaskedArray):
        raise ParameterError(f"{name} is a masked array: must be {row.bounds}{unit}; fill the gaps with .filled(...)")
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        array = np.array(None)
    wrong_type = f"{name} is {_show(value)}, a {type(value).__name__}: must be {row.bounds}{unit}"
    if row.flag:
        is_flag = array.dtype == bool or (array.dtype.kind in "iuf" and bool(np.all((array == 0) | (array == 1))))
        if not is_flag or array.size == 0:
            raise ParameterError(f"{wrong_type}; pass True or False, or an array of them")
        return bool(array) if array.ndim == 0 else _frozen(array.astype(np.float64))
    if array.dtype.kind not in "iuf":
        raise ParameterError(f"{wrong_type}; pass a number, or an array of numbers")
    if array.size == 0:
        raise ParameterError(f"{name} is an empty array: must be {row.bounds}{unit}; pass at least one value")
    array = array.astype(np.float64)
    bad = np.isnan(array) | (array < row.low) | ((array > row.high) & ~(np.isposinf(array) & row.unlimited))
    if row.whole:
        bad |= array != np.floor(array)
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ParameterError(_out_of_bounds(row, name, unit, float(array[where]), where))
    return float(array) if array.ndim == 0 else _frozen(array)


def _out_of_bounds(row: Parameter, name: str, unit: str, value: float, where: tuple[int, ...]) -> str:
    at = f" at index {where if len(where) > 1 else where[0]}" if where else ""
    if math.isnan(value):
        todo = f"replace the missing value, for example by the default {row.default:g}"
    elif value < row.low:
        todo = f"move it to at least {row.low:g}"
    elif value > row.high:
        todo = f"move it to at most {row.high:g}" + (", or pass infinity for no limit" if row.unlimited else "")
    else:
        todo = f"round it, for example to {round(value)}"
    return f"{name} is {value:g}{unit}{at}: must be {row.bounds}; {todo}"


def _frozen(array: FloatArray) -> FloatArray:
    array = array.copy()
    array.flags.writeable = False
    return array


class Checked:
    """Base of the parameter dataclasses: validates every field against the table and compares arrays by value."""

    _owner: str

    def __post_init__(self) -> None:
        for row in parameters(self._owner):
            object.__setattr__(self, row.name, check(row, getattr(self, row.name)))

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(_same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))  # type: ignore[arg-type]

    __hash__ = None  # type: ignore[assignment]


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    return bool(np.array_equal(a, b))


C = TypeVar("C", bound=Checked)


def documented(owner: str) -> Callable[[type[C]], type[C]]:
    """Class decorator: appends the table's rows to the docstring and gives unknown names a helpful error."""

    def decorate(cls: type[C]) -> type[C]:
        names = [f.name for f in fields(cls)]  # type: ignore[arg-type]
        lines = ["", "    Parameters (any may be an array; all broadcast together)", "    ----------"]
        for row in parameters(owner):
            symbol = f" {row.symbol}" if row.symbol else ""
            unit = f", {row.unit}" if row.unit else ""
            lines.append(f"    {row.name} :{symbol}{unit}. {row.meaning.capitalize()}. Default {row.default:g}.")
            lines.append(f"        Must be {row.bounds}; otherwise `ParameterError`.")
        cls.__doc__ = (cls.__doc__ or "").rstrip() + "\n" + "\n".join(lines) + "\n"
        plain_init: Any = vars(cls)["__init__"]

        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            for name in kwargs:
                if name not in names:
                    raise UnknownParameterError(_unknown(f"{owner}.{name}={kwargs[name]!r}", name, names))
            plain_init(self, *args, **kwargs)

        __init__.__wrapped__ = plain_init  # type: ignore[attr-defined]  # keeps the signature for help()
        __init__.__doc__ = plain_init.__doc__
        cls._owner = owner
        cls.__init__ = __init__  # type: ignore[method-assign]
        return cls

    return decorate
