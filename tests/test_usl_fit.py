"""`fit_usl`: the published fit, recovery, honest standard errors, warnings, errors."""

from __future__ import annotations

import csv
import math
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flashsale_lib.formulas.usl import UslFitWarning, fit_usl, usl_peak, usl_throughput
from flashsale_lib.parameters import ParameterError

DATA = Path(__file__).parent.parent / "data" / "load_test_spec_sdm91.csv"
with DATA.open() as file:
    ROWS = list(csv.DictReader(file))
USERS = np.array([float(row["users"]) for row in ROWS])
SCRIPTS = np.array([float(row["scripts_per_hour"]) for row in ROWS])
LOADS = np.array([1, 5, 10, 20, 40, 80, 120, 160, 200, 250, 300, 400], dtype=float)


def test_the_published_fit_to_its_printed_digits() -> None:
    """SPEC SDM91 on a Sun SPARCcenter 2000, as the R package `usl` prints it."""
    fit = fit_usl(USERS, SCRIPTS)
    assert f"{fit.contention:.7f}" == "0.0277285"
    assert f"{fit.coherency:.7f}" == "0.0001044"
    assert f"{fit.throughput_of_one:.3f}" == "89.995"
    assert [f"{e:.{d}f}" for e, d in zip(fit.standard_errors, (3, 7, 7), strict=True)] == [
        "14.213",
        "0.0091217",
        "0.0000199",
    ]
    assert f"{fit.peak_calls:.1f}" == "96.5"
    assert fit.degrees_of_freedom == 4
    # Not printed by the source; from an independent Levenberg-Marquardt run (MINPACK) of the same least squares.
    assert fit.residual_standard_error == pytest.approx(82.845820, rel=1e-7)
    assert fit.peak_throughput == pytest.approx(1883.90, abs=0.01)


def test_what_the_result_holds() -> None:
    fit = fit_usl(USERS, SCRIPTS)
    assert fit.service_time == 1 / fit.throughput_of_one
    assert fit.service_time_error / fit.service_time == pytest.approx(fit.standard_errors[0] / fit.throughput_of_one)
    assert fit.covariance.shape == (3, 3)
    assert np.allclose(fit.covariance, fit.covariance.T, rtol=1e-12, atol=0)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(fit.standard_errors)
    assert not fit.covariance.flags.writeable
    assert isinstance(fit.predict(100), float)
    assert fit.predict(1) == pytest.approx(fit.throughput_of_one)
    assert fit.predict(USERS) == pytest.approx(usl_throughput(USERS, fit.service_time, fit.contention, fit.coherency))
    rss = np.sum((fit.predict(USERS) - SCRIPTS) ** 2)
    assert math.sqrt(rss / 4) == pytest.approx(fit.residual_standard_error, rel=1e-12)
    assert (fit.peak_calls, fit.peak_throughput) == pytest.approx(
        usl_peak(fit.service_time, fit.contention, fit.coherency)
    )
    assert fit.predict(fit.peak_calls) == pytest.approx(fit.peak_throughput)
    assert "covariance" not in repr(fit)


def test_the_fit_is_a_minimum() -> None:
    fit = fit_usl(USERS, SCRIPTS)
    best = np.sum((fit.predict(USERS) - SCRIPTS) ** 2)
    for gamma, sigma, kappa in np.vstack([np.eye(3), -np.eye(3)]) * 1e-3 + 1:
        moved = usl_throughput(USERS, fit.service_time / gamma, fit.contention * sigma, fit.coherency * kappa)
        assert np.sum((moved - SCRIPTS) ** 2) > best


@given(st.floats(0.05, 20), st.floats(1e-3, 0.3), st.floats(5.0, 300.0), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_exact_data_give_the_parameters_back(
    service_time: float, contention: float, peak: float, random: object
) -> None:
    coherency = (1 - contention) / peak**2
    order = np.argsort(np.array([random.random() for _ in LOADS]))  # type: ignore[attr-defined]
    fit = fit_usl(LOADS[order], usl_throughput(LOADS, service_time, contention, coherency)[order])
    assert fit.service_time == pytest.approx(service_time, rel=1e-9)
    assert fit.contention == pytest.approx(contention, rel=1e-8)
    assert fit.coherency == pytest.approx(coherency, rel=1e-8)
    assert fit.residual_standard_error <= 1e-9 / service_time


def test_standard_errors_cover_the_truth() -> None:
    """400 load tests with normal noise: fit +- t * s.e. (9 degrees of freedom, 95 %) holds the truth in 95 % of them.

    Binomial spread of the share: sqrt(.95*.05/400) = 1.1 %; the normal approximation behind the standard error is
    itself off by a percent or two at this noise. Three spreads and that: 5 %.
    """
    truth = np.array([1 / 0.8, 0.05, 1e-4])
    exact = usl_throughput(LOADS, 1 / truth[0], truth[1], truth[2])
    rng = np.random.default_rng(91)
    noise = 0.01 * exact.max()
    fits = [fit_usl(LOADS, exact + rng.normal(0, noise, LOADS.size)) for _ in range(400)]
    estimates = np.array([(f.throughput_of_one, f.contention, f.coherency) for f in fits])
    errors = np.array([f.standard_errors for f in fits])
    covered = (np.abs(estimates - truth) <= 2.2622 * errors).mean(axis=0)
    assert np.all(np.abs(covered - 0.95) < 0.05)
    # The printed error is the spread that repeated tests really have. 400 runs: spread known to 3.5 %; three of those.
    assert np.sqrt((errors**2).mean(axis=0)) == pytest.approx(estimates.std(axis=0), rel=0.12)
    # Bias of order noise squared only.
    assert np.all(np.abs(estimates.mean(axis=0) - truth) < 0.3 * estimates.std(axis=0))
    # s^2 is unbiased: 400 * 9 degrees of freedom know it to 2.4 %.
    assert np.mean([f.residual_standard_error**2 for f in fits]) == pytest.approx(noise**2, rel=0.08)


@given(st.floats(-9, 5))
@settings(deadline=None)
def test_the_unit_of_throughput_scales_what_it_should_and_nothing_else(power: float) -> None:
    k = 10.0**power
    fit, scaled = fit_usl(USERS, SCRIPTS), fit_usl(USERS, k * SCRIPTS)
    # The optimum is flat: rounding of the sum of squares leaves the parameters to about sqrt(machine epsilon).
    close = {"rel": 1e-6}
    assert scaled.contention == pytest.approx(fit.contention, **close)
    assert scaled.coherency == pytest.approx(fit.coherency, **close)
    assert scaled.peak_calls == pytest.approx(fit.peak_calls, **close)
    assert scaled.throughput_of_one == pytest.approx(k * fit.throughput_of_one, **close)
    assert scaled.residual_standard_error == pytest.approx(k * fit.residual_standard_error, **close)
    unit = np.array([k, 1, 1])
    assert scaled.covariance == pytest.approx(fit.covariance * np.outer(unit, unit), rel=1e-5)


def test_less_than_one_call_in_flight_on_average_is_a_straight_line() -> None:
    calls = np.array([0.25, 0.5, 1, 10, 50, 100, 150])
    fit = fit_usl(calls, usl_throughput(calls, 0.5, 0.02, 2e-4))
    assert (fit.service_time, fit.contention, fit.coherency) == pytest.approx((0.5, 0.02, 2e-4), rel=1e-9)


def test_a_system_that_does_one_call_at_a_time_sits_exactly_at_the_bound() -> None:
    with pytest.warns(UslFitWarning, match="contention sits at its bound 1; coherency sits at its bound 0"):
        fit = fit_usl(LOADS, np.full(LOADS.size, 5.0))
    assert (fit.throughput_of_one, fit.contention, fit.coherency) == (pytest.approx(5.0), 1.0, 0.0)


@pytest.mark.parametrize(
    ("calls", "throughput", "squares"),
    [
        (
            [2, 5, 6, 35, 50, 219],
            [5.16124232, 22.69496994, 14.67662928, 53.59521629, 38.32889567, 6.01972498],
            142.561430,
        ),
        ([1, 2, 84, 86, 226, 385, 927], [9.996, 13.985, 7.294, 6.326, 26.708, 10.106, 9.868], 284.6202),
    ],
)
@pytest.mark.filterwarnings("ignore::flashsale_lib.formulas.usl.UslFitWarning")
def test_rough_data_reach_the_better_of_two_minima(calls: list[float], throughput: list[float], squares: float) -> None:
    """The first traps a search from the linear fit (3865), the second a search from ones (437): both starts are needed."""
    fit = fit_usl(calls, throughput)
    assert np.sum((fit.predict(calls) - throughput) ** 2) == pytest.approx(squares, rel=1e-4)


def test_repeated_measurements_count() -> None:
    once, twice = fit_usl(USERS, SCRIPTS), fit_usl(np.tile(USERS, 2), np.tile(SCRIPTS, 2))
    assert twice.coherency == pytest.approx(once.coherency, rel=1e-6)
    assert twice.degrees_of_freedom == 11
    # Twice the information, and 11 instead of 4 degrees of freedom for twice the sum of squares.
    ratio = math.sqrt((2 / 11) / (1 / 4) / 2)
    assert twice.standard_errors == pytest.approx(np.array(once.standard_errors) * ratio, rel=1e-6)


@pytest.mark.parametrize(
    ("calls", "throughput", "message"),
    [
        ([1, 40, 200], usl_throughput([1, 40, 200], 1.0, 0.02, 1e-4), "only 3 points for 3 unknowns"),
        (LOADS, usl_throughput(LOADS, 1.0, 0.05, 0.0), "coherency sits at its bound 0; the largest load of 400 calls"),
        (LOADS, usl_throughput(LOADS, 1.0, 0.0, 1e-4), "contention sits at its bound 0"),
        (LOADS[:5], usl_throughput(LOADS[:5], 1.0, 0.02, 1e-4), "largest load of 40 calls is below half .* 98.99"),
        (
            LOADS[:6],
            usl_throughput(LOADS[:6], 1.0, 0.02, 1e-4) + np.array([0, -0.5, 0.5, 0.5, -0.5, 0.5]),
            r"coherency is 5.33e-05 with a standard error of 5.4e-05; .* peak",
        ),
        (LOADS, 1 / LOADS**2, "contention sits at its bound 1; coherency sits at its bound 1"),
    ],
)
def test_warns_when_the_data_cannot_tell(calls: object, throughput: object, message: str) -> None:
    with pytest.warns(UslFitWarning, match=message) as caught:
        fit_usl(calls, throughput)
    assert len(caught) == 1
    assert "measure near and beyond the peak" in str(caught[0].message)
    assert caught[0].filename == __file__  # points at the caller's line


def test_no_warning_for_a_good_load_test() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit_usl(USERS, SCRIPTS)


def test_what_is_unknown_is_nan_and_what_is_undetermined_is_infinite() -> None:
    with pytest.warns(UslFitWarning):
        three = fit_usl([1, 40, 200], usl_throughput([1, 40, 200], 1.0, 0.02, 1e-4))
    assert three.coherency == pytest.approx(1e-4)
    assert np.isnan(three.standard_errors).all()
    assert math.isnan(three.residual_standard_error)
    with pytest.warns(UslFitWarning):
        bound = fit_usl(LOADS, usl_throughput(LOADS, 1.0, 0.05, 0.0) + 0.001 * LOADS)
    assert bound.coherency == 0
    assert math.isnan(bound.standard_errors[2])
    assert 0 < bound.standard_errors[1] < 0.02
    assert bound.peak_calls == math.inf
    with pytest.warns(UslFitWarning):
        close = fit_usl(1e9 - np.arange(6) * 1e-6, [5, 4, 6, 5, 4, 6])  # six loads that are one load
    assert close.standard_errors[0] == math.inf


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit_usl([1, 2], [1, 2]), r"usl.calls holds 2 different .* at least 3 .*; measure at more levels"),
        (lambda: fit_usl([9, 9, 9, 9], [1, 2, 3, 4]), r"usl.calls holds 1 different"),
        (lambda: fit_usl([0.2, 0.5, 1, 7], [1, 2, 3, 4]), r"usl.calls holds 2 different .*all up to 1 count as one"),
        (lambda: fit_usl([1, 2, 3], [1, 2]), r"usl.calls has shape \(3,\) and usl.throughput \(2,\): .* same length"),
        (lambda: fit_usl([[1, 2, 3]], [[1, 2, 3]]), r"usl.calls has shape \(1, 3\) .* two rows"),
        (lambda: fit_usl([1, -2, 3], [1, 2, 3]), r"usl.calls is -2 \(calls\) at index 1: .* from 0 .* move it"),
        (
            lambda: fit_usl([1, 2, 0], [1, 2, 3]),
            r"usl.calls is 0 calls at index 2: must be above 0; leave that point out",
        ),
        (lambda: fit_usl([1, 2, math.nan], [1, 2, 3]), r"usl.calls is nan \(calls\) at index 2"),
        (lambda: fit_usl([1, 2, 3], [1, math.inf, 3]), r"usl.throughput is inf \(calls/s\) at index 1"),
        (lambda: fit_usl([1, 2, 3], [1, 2, -3]), r"usl.throughput is -3 \(calls/s\) at index 2: .* at least 0"),
        (lambda: fit_usl([1, 2, 3], [0, 0, 0]), r"usl.throughput is 0 calls/s everywhere: .* check the units"),
        (lambda: fit_usl(["a", "b", "c"], [1, 2, 3]), r"usl.calls is \['a', 'b', 'c'\], a list"),
    ],
)
def test_errors_name_the_value_the_bound_and_the_next_step(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        call()


def test_importing_the_module_does_not_load_the_optimiser() -> None:
    code = "import sys, flashsale_lib.formulas.usl; print('scipy.optimize' in sys.modules)"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=DATA.parent.parent
    )
    assert out.stdout.strip() == "False"
