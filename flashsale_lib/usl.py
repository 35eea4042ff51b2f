"""The Universal Scalability Law (Gunther): how a shared system slows down as more is asked of it at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from .parameters import HUGE, Numeric, Parameter, Slider, check, parameter

_CALLS = Parameter("usl", "calls", "N", "calls", 1.0, 0.0, HUGE, "calls in flight", Slider(0, 1000))


def _checked(service_time: Any, contention: Any, coherency: Any) -> tuple[Numeric, Numeric, Numeric]:
    return (
        check(parameter("gateway", "service_time"), service_time),
        check(parameter("gateway", "contention"), contention),
        check(parameter("gateway", "coherency"), coherency),
    )


def _scalar(value: Any) -> Any:
    array = np.asarray(value, dtype=np.float64)
    return float(array) if array.ndim == 0 else array


def usl_response_time(calls: Any, service_time: Any, contention: Any, coherency: Any) -> Any:
    """Response time of one call among `calls` in flight.

        R(N) = s0 * (1 + sigma*(N-1)+ + kappa*N*(N-1)+)

    Parameters broadcast; scalars in, scalar out. `calls` (N, 0 to 1e9), `service_time` (s0, seconds, above 0),
    `contention` (sigma, 0 to 1), `coherency` (kappa, 0 to 1). NaN or out of range: `ParameterError`.

    >>> round(usl_response_time(1200, 0.8, 0.002, 3.9e-5), 1)
    47.6

    Reference: N. J. Gunther, Guerrilla Capacity Planning (2007), ch. 4-6, with the response time from
    Little's law R = N/X.
    """
    s0, sigma, kappa = _checked(service_time, contention, coherency)
    n = np.asarray(check(_CALLS, calls))
    others = np.maximum(n - 1.0, 0.0)
    return _scalar(s0 * (1.0 + sigma * others + kappa * n * others))


def usl_throughput(calls: Any, service_time: Any, contention: Any, coherency: Any) -> Any:
    """Calls completed per second with `calls` in flight: X(N) = N / R(N), by Little's law.

    Arguments, shapes and errors as in `usl_response_time`.

    >>> round(usl_throughput(160, 0.8, 0.002, 3.9e-5), 1)
    86.6
    """
    n = np.asarray(check(_CALLS, calls))
    return _scalar(n / usl_response_time(n, service_time, contention, coherency))


def usl_peak(service_time: Any, contention: Any, coherency: Any) -> tuple[Any, Any]:
    """Where throughput peaks: N* = sqrt((1-sigma)/kappa) calls, at least 1, and the throughput there.

    With coherency 0 throughput never falls: N* is infinite and the throughput tends to 1/(s0*sigma),
    which is infinite for sigma = 0. Arguments and errors as in `usl_response_time`.

    >>> calls, rate = usl_peak(1 / 1.25, 0.01, 0.0006)
    >>> round(calls, 1), round(rate, 1)
    (40.6, 21.5)

    Reference: N. J. Gunther, Guerrilla Capacity Planning (2007), eq. for the maximum of the USL.
    """
    s0, sigma, kappa = map(np.asarray, _checked(service_time, contention, coherency))
    with np.errstate(divide="ignore", invalid="ignore"):
        # At sigma = 1, kappa = 0 the square root reads 0/0: one call at a time is then as good as it gets.
        at = np.maximum(np.nan_to_num(np.sqrt((1.0 - sigma) / kappa), nan=1.0, posinf=np.inf), 1.0)
        finite = np.where(np.isfinite(at), at, 1.0)
        inside = finite / (s0 * (1.0 + sigma * (finite - 1.0) + kappa * finite * (finite - 1.0)))
        rate = np.where(np.isfinite(at), inside, 1.0 / (s0 * sigma))
    return _scalar(at), _scalar(rate)
