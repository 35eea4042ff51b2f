"""How many servers: the smallest number that meets a target, and the square-root rule that explains it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from ..parameters import HUGE, FloatArray, ParameterError, check, plain
from .abandonment import PATIENCE, ErlangA, erlang_a
from .erlang import ARRIVAL_RATE, LEAST, LOAD, MOST, SERVICE_RATE, arrays, erlang_b, erlang_c, mmc, row

SURE = 1e-12
"""A target counts as met when it is met by more than this share, the rounding error of the formulas."""
_NEVER, _ALMOST = 1e-300, 1.0 - 1e-15

TARGETS = {
    "p_wait": row("p_wait", "", "share", _NEVER, _ALMOST, "share who wait, at most"),
    "wait": row("wait", "", "s", LEAST, MOST, "mean time in the queue, at most"),
    "p_block": row("p_block", "", "share", _NEVER, _ALMOST, "share lost without a queue, at most"),
    "p_abandon": row("p_abandon", "", "share", _NEVER, _ALMOST, "share who give up, at most"),
    "within": row("within", "t", "s", 0.0, MOST, "the promised time in the queue"),
    "share": row("share", "", "share", _NEVER, _ALMOST, "share served within that time, at least"),
}
BETA = row("beta", "β", "", -HUGE, HUGE, "spare servers in units of the square root of the load")


def servers_for(
    arrival_rate: Any,
    service_rate: Any,
    *,
    p_wait: Any = None,
    wait: Any = None,
    within: Any = None,
    share: Any = None,
    p_abandon: Any = None,
    p_block: Any = None,
    patience: Any = math.inf,
) -> Any:
    """The smallest number of servers that meets every target given, by name. For example

        servers_for(80, 1.25, p_wait=0.2)                       Erlang C: at most 20 % wait
        servers_for(80, 1.25, wait=0.5)                         a mean of at most 0.5 s in the queue
        servers_for(80, 1.25, within=2, share=0.95)             95 % start within 2 s
        servers_for(80, 1.25, p_abandon=0.01, patience=30)      Erlang A: at most 1 % give up
        servers_for(80, 1.25, p_block=0.01)                     Erlang B: at most 1 % lost, no queue at all

    Parameters (any shapes that broadcast)
    ----------
    arrival_rate : λ, buyers/s, 0 to 1e15.
    service_rate : μ, buyers/s of one busy server, 1e-15 to 1e15. The load λ/μ may be up to 5e8.
    p_wait, p_abandon, p_block : shares of arrivals, at most; above 0 and below 1.
    wait : mean time in the queue, s, at most; 1e-15 to 1e15.
    within, share : at least this share (above 0, below 1) is served after at most `within` seconds (0 or more) in the queue.
    patience : 1/θ, s, 1e-15 to 1e15. Infinity (the default): nobody gives up, and the answer is above the load.

    Returns
    -------
    A whole number, at least 1 (an array of them in the common shape). A target counts as met when the value is better
    than it by more than rounding error (1e-12 of it): at an exact tie, one server more. So the answer is certain.

    Raises
    ------
    ParameterError : no target; `within` without `share` or the reverse; `p_block` with a target that needs a queue;
        `p_abandon` without patience; a value out of range or NaN; shapes that do not fit together.

    >>> servers_for(10, 1, p_block=0.02)
    17
    >>> servers_for([48, 1000, 1e6], 1, p_wait=0.2)
    array([     56,    1034, 1001062])

    Reference: first value as printed by the Westbay calculator and the tests of pyworkforce (17 lines).
    """
    given = {
        "p_wait": p_wait,
        "wait": wait,
        "within": within,
        "share": share,
        "p_abandon": p_abandon,
        "p_block": p_block,
    }
    targets = {name: check(TARGETS[name], value) for name, value in given.items() if value is not None}
    patience = check(PATIENCE, patience)
    _consistent(targets, patience)
    lam, mu, patience, *values = arrays(
        arrival_rate=check(ARRIVAL_RATE, arrival_rate),
        service_rate=check(SERVICE_RATE, service_rate),
        patience=patience,
        **targets,
    )
    load = np.asarray(lam / mu)
    if np.any(load > HUGE / 2):
        raise ParameterError(
            f"the load arrival_rate/service_rate is {load.max():g} (servers' worth of work): must be at most {HUGE / 2:g}; "
            "lower arrival_rate, or raise service_rate"
        )
    goals = dict(zip(targets, values, strict=True))
    shape, best = load.shape, np.ones(load.size)
    flat = {name: value.ravel() for name, value in goals.items()}
    inputs = (lam.ravel(), mu.ravel(), patience.ravel())
    for name in goals:
        if name != "share":  # comes with `within`
            met = _test(name, inputs, flat)
            best = np.maximum(best, _search(met, load.ravel()))
    whole = best.astype(np.int64).reshape(shape)
    return whole if shape else int(whole)


def _consistent(targets: dict[str, Any], patience: Any) -> None:
    names = ", ".join(targets)
    if not targets:
        raise ParameterError(
            "servers_for has no target: must be at least one of p_wait, wait, within with share, p_abandon, p_block; "
            "for example p_wait=0.2"
        )
    if ("within" in targets) != ("share" in targets):
        raise ParameterError(
            f"servers_for has {names}: within and share must come together; for example within=2, share=0.95"
        )
    if "p_block" in targets and len(targets) > 1:
        raise ParameterError(
            f"servers_for has {names}: p_block is for servers without a queue and must stand alone; "
            "ask for the others separately"
        )
    if "p_abandon" in targets and np.any(np.isinf(patience)):
        raise ParameterError(
            "servers_for has p_abandon with patience inf (s): must be finite, or nobody gives up; pass patience=30, say"
        )


Met = Callable[[Any, FloatArray], Any]


def _test(name: str, inputs: tuple[FloatArray, ...], goals: dict[str, FloatArray]) -> Met:
    """A function (indices, servers) -> whether the target is met."""
    goal = goals[name]

    def met(at: FloatArray, c: FloatArray) -> Any:
        lam, mu, patience = (x[at] for x in inputs)
        limit = goal[at] * (1.0 - SURE)
        if name == "p_block":
            return erlang_b(c, lam / mu) < limit
        forever = bool(np.all(np.isinf(patience)))
        if name == "p_wait" and forever:
            return erlang_c(c, lam / mu) < limit
        station = mmc(lam, mu, c) if forever else erlang_a(lam, mu, c, patience)
        if name == "within":
            late = (
                1.0 - station.served_within(goal[at]) if isinstance(station, ErlangA) else station.wait_tail(goal[at])
            )
            return late < (1.0 - goals["share"][at]) * (1.0 - SURE)
        return getattr(station, name) < limit

    return met


def _search(met: Met, load: FloatArray) -> FloatArray:
    """Smallest whole c >= 1 with met(c), by doubling steps and then halving, for every element at once."""
    everyone = np.arange(load.size)
    low, high = np.zeros(load.size), np.floor(load) + 1.0
    step = np.ceil(np.sqrt(load)) + 1.0
    at = everyone[~met(everyone, high)]
    while at.size:
        low[at] = high[at]
        high[at] += step[at]
        step[at] *= 2.0
        at = at[~met(at, high[at])]
    at = everyone[high - low > 1.0]
    while at.size:
        middle = np.floor(0.5 * (low[at] + high[at]))
        enough = met(at, middle)
        high[at] = np.where(enough, middle, high[at])
        low[at] = np.where(enough, low[at], middle)
        at = at[high[at] - low[at] > 1.0]
    return high


def square_root_staffing(load: Any, beta: Any) -> Any:
    """Servers by the square-root rule: the load, and a safety margin that grows only with its square root.

        c = ceil(a + beta sqrt(a)), at least 0

    Parameters (any shapes that broadcast)
    ----------
    load : a = arrival rate / service rate, servers' worth of work, 0 to 1e15.
    beta : β, -1e9 to 1e9: 0 covers the load and no more, 1 to 2 is a good service; `halfin_whitt(beta)` of buyers wait.

    Returns
    -------
    A whole number (an array of them in the common shape).

    Raises
    ------
    ParameterError : a value out of range, NaN or infinite (with its index), or shapes that do not fit together.

    >>> square_root_staffing(100, 0.5)
    105

    Reference: S. Halfin and W. Whitt (1981), Heavy-traffic limits for queues with many exponential servers, Operations
    Research 29(3). The value is the formula, by hand: 100 + 0.5 * 10.
    """
    a, spare = arrays(load=check(LOAD, load), beta=check(BETA, beta))
    whole = np.maximum(np.ceil(a + spare * np.sqrt(a)), 0.0)
    return int(whole) if whole.ndim == 0 else whole.astype(np.int64)


def halfin_whitt(beta: Any) -> Any:
    """The share of buyers who wait in a large station with a + beta sqrt(a) servers (limit of Erlang C).

        alpha(beta) = 1 / (1 + beta Phi(beta)/phi(beta)), Phi and phi of the standard normal

    Parameters
    ----------
    beta : β, any shape, -1e9 to 1e9. At 0 and below there are too few servers for a steady state: everybody waits.

    Returns
    -------
    alpha, a share, in the shape of beta (a float for a scalar). 0 where alpha < 1e-308 (beta above 37.5).

    Raises
    ------
    ParameterError : beta out of range, NaN or infinite (with its index).

    >>> round(halfin_whitt(0.506), 4)
    0.5
    >>> from flashsale_lib.formulas.erlang import erlang_c
    >>> round(erlang_c(100, 95), 4), round(halfin_whitt(5 / 95 ** 0.5), 4)
    (0.5065, 0.4948)

    Reference: S. Halfin and W. Whitt (1981), Heavy-traffic limits for queues with many exponential servers, Operations
    Research 29(3). Erlang C of 100 servers at load 95 is printed as 0.5065 in the documentation of LINE.
    """
    (b,) = arrays(beta=check(BETA, beta))
    b = np.maximum(b, 0.0)
    with np.errstate(over="ignore"):
        # Phi/phi = sqrt(2 pi) e^(b^2/2) - sqrt(pi/2) erfcx(b/sqrt(2)): the exponent is not rounded twice.
        mills = math.sqrt(2.0 * math.pi) * np.exp(0.5 * b * b) - math.sqrt(0.5 * math.pi) * special.erfcx(
            b / math.sqrt(2.0)
        )
    return plain(1.0 / (1.0 + b * mills))
