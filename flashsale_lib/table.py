"""The one table of every parameter: name, symbol, unit, default, bounds, meaning, and how a slider offers it.

Everything that needs to know about a parameter reads it here: the dataclasses take their defaults and docstrings
from it, validation its bounds, sliders their ranges, pictures their labels, and the glossary its meanings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

HUGE = 1e9
"""Largest finite value of an unbounded parameter: beyond it, say infinity."""
BRIEF = 1e-6
"""Shortest time a parameter may take, in seconds: a microsecond."""


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
        """Name in plain words with its unit, where it has one: "queue limit (buyers)"."""
        return self.name.replace("_", " ") + (f" ({self.unit})" if self.unit else "")


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
              "how many more buyers are let in than stock is left, for those who will not buy", Slider(0, 1, 0.05)),
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
