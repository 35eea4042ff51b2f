"""The Universal Scalability Law (Gunther): how a shared system slows down as more is asked of it at once."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..parameters import HUGE, FloatArray, Numeric, Parameter, ParameterError, Slider, check, parameter, plain

_CALLS = Parameter("usl", "calls", "N", "calls", 1.0, 0.0, HUGE, "calls in flight", Slider(0, 1000))
_MEASURED = Parameter("usl", "throughput", "X", "calls/s", 1.0, 0.0, HUGE, "measured throughput", Slider(0, 1000))


def _checked(service_time: Any, contention: Any, coherency: Any) -> tuple[Numeric, Numeric, Numeric]:
    return (
        check(parameter("gateway", "service_time"), service_time),
        check(parameter("gateway", "contention"), contention),
        check(parameter("gateway", "coherency"), coherency),
    )


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
    return plain(s0 * (1.0 + sigma * others + kappa * n * others))


def usl_throughput(calls: Any, service_time: Any, contention: Any, coherency: Any) -> Any:
    """Calls completed per second with `calls` in flight: X(N) = N / R(N), by Little's law.

    Arguments, shapes and errors as in `usl_response_time`.

    >>> round(usl_throughput(160, 0.8, 0.002, 3.9e-5), 1)
    86.6
    """
    n = np.asarray(check(_CALLS, calls))
    return plain(n / usl_response_time(n, service_time, contention, coherency))


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
    return plain(at), plain(rate)


class UslFitWarning(UserWarning):
    """The load test does not say where throughput falls: the fitted coherency is a guess."""


@dataclass(frozen=True, eq=False)
class UslFit:
    """What `fit_usl` returns. Throughput and times are in the unit of the data (per second gives seconds).

    `throughput_of_one` (gamma = 1/s0), `contention` (sigma), `coherency` (kappa), `service_time` (s0);
    `standard_errors` : of gamma, sigma, kappa in this order; `service_time_error` : of s0. NaN where the data leave
    no degree of freedom, and for a parameter that sits at its bound. `covariance` : of the same three, shape (3, 3).
    `residual_standard_error` : scatter of one measured throughput, with `degrees_of_freedom` = points - 3.
    `peak_calls`, `peak_throughput` : where the fitted curve peaks, as `usl_peak`.
    """

    throughput_of_one: float
    contention: float
    coherency: float
    standard_errors: tuple[float, float, float]
    residual_standard_error: float
    degrees_of_freedom: int
    covariance: FloatArray = field(repr=False)

    @property
    def service_time(self) -> float:
        return 1.0 / self.throughput_of_one

    @property
    def service_time_error(self) -> float:
        return self.standard_errors[0] / self.throughput_of_one**2

    @property
    def peak_calls(self) -> float:
        return float(usl_peak(1.0, self.contention, self.coherency)[0])

    @property
    def peak_throughput(self) -> float:
        return float(usl_peak(1.0, self.contention, self.coherency)[1]) * self.throughput_of_one

    def predict(self, calls: Any) -> Any:
        """The fitted throughput with `calls` in flight (0 to 1e9, any shape; scalar in, scalar out).

        >>> calls = [1, 20, 60, 160, 400, 800]
        >>> round(fit_usl(calls, usl_throughput(calls, 0.8, 0.002, 3.9e-5)).predict(240), 1)
        80.8
        """
        return usl_throughput(calls, 1.0, self.contention, self.coherency) * self.throughput_of_one


def fit_usl(calls: Any, throughput: Any) -> UslFit:
    """The Universal Scalability Law that fits a load test best: nonlinear least squares.

        minimise sum of (throughput - gamma*N/(1 + sigma*(N-1)+ + kappa*N*(N-1)+))^2
        over gamma > 0, 0 <= sigma <= 1, 0 <= kappa <= 1

    Parameters
    ----------
    calls : N, calls in flight, shape (n,); above 0, at most 1e9; at least 3 different values (all up to 1 call count
        as one: the law is a straight line there). A repeated value is a repeated measurement.
    throughput : calls completed per unit of time, shape (n,); 0 to 1e9, not all 0. Its unit is the result's unit.

    Returns
    -------
    UslFit. Standard errors come from the Jacobian at the optimum, covariance = s^2 (J'J)^-1, as in R's `nls`.

    Raises
    ------
    ParameterError : shapes that differ; too few different points; a value out of range, NaN or infinite.

    Warns
    -----
    UslFitWarning : fewer than 4 points; sigma or kappa at a bound; a standard error of kappa above half of kappa;
        a largest N below half the fitted peak.

    >>> fit = fit_usl([1, 18, 36, 72, 108, 144, 216], [64.9, 995.9, 1652.4, 1853.2, 1828.9, 1775.0, 1702.2])
    >>> f"{fit.contention:.7f} {fit.coherency:.7f} {fit.throughput_of_one:.3f} {fit.peak_calls:.1f}"
    '0.0277285 0.0001044 89.995 96.5'
    >>> "{:.3f} {:.7f} {:.7f}".format(*fit.standard_errors)
    '14.213 0.0091217 0.0000199'

    Reference: N. J. Gunther, Guerrilla Capacity Planning (2007), ch. 5; the example is SPEC SDM91 on a Sun
    SPARCcenter 2000, fitted in the R package `usl` with the same figures.
    """
    from scipy.optimize import least_squares, nnls  # a quarter of a second to import: only where it is needed

    n, x = _measured(calls, throughput)
    top, best = n.max(), x.max()
    # Unknowns of order one: gamma*top/best, sigma*top, kappa*top^2.
    unit = np.array([best / top, 1.0 / top, 1.0 / top**2])
    others = np.maximum(n - 1.0, 0.0)
    ramp, pairs = others / top, n * others / top**2

    def model(p: FloatArray) -> FloatArray:
        return np.asarray(p[0] * (n / top) / (1.0 + p[1] * ramp + p[2] * pairs))

    def jacobian(p: FloatArray) -> FloatArray:
        slowed = 1.0 + p[1] * ramp + p[2] * pairs
        per_gamma = (n / top) / slowed
        return np.stack([per_gamma, -p[0] * per_gamma * ramp / slowed, -p[0] * per_gamma * pairs / slowed], axis=1)

    # The law times its denominator is linear in 1/gamma, sigma/gamma, kappa/gamma: start from that fit, and from ones.
    y = x / best
    terms = np.stack([np.ones_like(n), ramp, pairs], axis=1)
    line = nnls(y[:, np.newaxis] * terms, n / top)[0]
    linear = np.append(1.0, line[1:]) / max(float(line[0]), 1e-3)
    low, high = np.zeros(3), np.array([np.inf, top, top**2])
    exact = {"bounds": (low, high), "method": "dogbox", "ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15, "max_nfev": 2000}
    starts = (np.clip(linear, 1e-9, high), np.minimum(1.0, high))
    fits = [least_squares(lambda p: model(p) - y, start, jacobian, **exact) for start in starts]
    p = np.asarray(min(fits, key=lambda fit: float(fit.cost)).x, dtype=np.float64)
    p = np.where(p < 1e-10, low, np.where(p > (1.0 - 1e-10) * high, high, p))  # rounding away from a bound is at it

    freedom = n.size - 3
    scatter = float(np.sqrt(np.sum((model(p) - y) ** 2) / freedom)) if freedom else float("nan")
    inside = (p > low) & (p < high)
    covariance = np.full((3, 3), np.nan)
    free = jacobian(p)[:, inside]
    if np.linalg.matrix_rank(free) < free.shape[1]:
        covariance[np.ix_(inside, inside)] = np.inf  # calls too close together to tell the terms apart
    else:
        root = np.linalg.inv(np.linalg.qr(free, mode="r"))
        covariance[np.ix_(inside, inside)] = scatter**2 * (root @ root.T) * np.outer(unit, unit)[np.ix_(inside, inside)]
    covariance.flags.writeable = False
    gamma, sigma, kappa = (float(value) for value in p * unit)
    errors = np.sqrt(np.diag(covariance)).tolist()
    fit = UslFit(gamma, sigma, kappa, (errors[0], errors[1], errors[2]), float(scatter * best), freedom, covariance)
    _warn_if_unsure(fit, top)
    return fit


def _measured(calls: Any, throughput: Any) -> tuple[FloatArray, FloatArray]:
    """The load test as two checked arrays of one shape (n,)."""
    n = np.atleast_1d(check(_CALLS, calls))
    x = np.atleast_1d(check(_MEASURED, throughput))
    if n.ndim != 1 or n.shape != x.shape:
        raise ParameterError(
            f"usl.calls has shape {n.shape} and usl.throughput {x.shape}: must be two rows of the same length; "
            "pass one throughput per number of calls"
        )
    if np.any(n == 0.0):
        at = int(np.argmin(n))
        raise ParameterError(f"usl.calls is 0 calls at index {at}: must be above 0; leave that point out")
    different = np.unique(np.maximum(n, 1.0)).size
    if different < 3:
        raise ParameterError(
            f"usl.calls holds {different} different value(s) (all up to 1 count as one): must be at least 3 "
            "for three unknowns; measure at more levels of load, some beyond the peak"
        )
    if not np.any(x > 0.0):
        raise ParameterError("usl.throughput is 0 calls/s everywhere: must be above 0 somewhere; check the units")
    return n, x


def _warn_if_unsure(fit: UslFit, top: float) -> None:
    reasons = []
    if fit.degrees_of_freedom < 1:
        reasons.append("only 3 points for 3 unknowns: the curve passes through them and no standard error exists")
    for name, value in (("contention", fit.contention), ("coherency", fit.coherency)):
        if value in (0.0, 1.0):
            reasons.append(f"{name} sits at its bound {value:g}")
    if fit.standard_errors[2] > 0.5 * fit.coherency > 0.0:
        reasons.append(f"coherency is {fit.coherency:.3g} with a standard error of {fit.standard_errors[2]:.2g}")
    if top < 0.5 * fit.peak_calls:
        reasons.append(f"the largest load of {top:g} calls is below half the fitted peak at {fit.peak_calls:.4g}")
    if reasons:
        todo = "measure near and beyond the peak before trusting where it is"
        warnings.warn(f"fit_usl cannot pin down where throughput falls: {'; '.join(reasons)}; {todo}", UslFitWarning, 3)
