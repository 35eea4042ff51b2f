"""The Universal Scalability Law against published values and its own algebra. (Fitting: test_usl_fit.py.)"""

import math

import numpy as np
import pytest

import flashsale_lib as fs

# facts.md, row 9: x1 = 1.25/s, sigma = .01, kappa = .0006; printed to three figures, so half a unit of the last.
S0, SIGMA, KAPPA = 1 / 1.25, 0.01, 0.0006


@pytest.mark.parametrize(("calls", "rate", "digit"), [(80, 17.9, 0.05), (160, 11.2, 0.1), (400, 5.0, 0.05)])
def test_published_throughput(calls, rate, digit):
    assert fs.usl_throughput(calls, S0, SIGMA, KAPPA) == pytest.approx(rate, abs=digit)


def test_published_peak():
    calls, rate = fs.usl_peak(S0, SIGMA, KAPPA)
    assert calls == pytest.approx(40.6, abs=0.05)
    assert rate == pytest.approx(21.5, abs=0.05)


def test_peak_is_where_throughput_is_highest():
    calls, rate = fs.usl_peak(0.8, 0.002, 3.9e-5)
    near = np.linspace(calls - 5, calls + 5, 1001)
    assert near[np.argmax(fs.usl_throughput(near, 0.8, 0.002, 3.9e-5))] == pytest.approx(calls, abs=0.01)
    assert fs.usl_throughput(calls, 0.8, 0.002, 3.9e-5) == pytest.approx(rate, rel=1e-12)


def test_response_time_is_calls_over_throughput_and_starts_at_the_service_time():
    calls = np.array([0.5, 1, 2, 160, 1200])
    response = fs.usl_response_time(calls, 0.8, 0.002, 3.9e-5)
    assert response[:2] == pytest.approx(0.8, rel=1e-15)  # nobody in the way of a lone call
    assert response * fs.usl_throughput(calls, 0.8, 0.002, 3.9e-5) == pytest.approx(calls, rel=1e-14)
    by_hand = 0.8 * (1 + 0.002 * 1199 + 3.9e-5 * 1200 * 1199)
    assert response[-1] == pytest.approx(by_hand, rel=1e-14)


@pytest.mark.parametrize(
    ("sigma", "kappa", "calls", "rate"),
    [
        (0, 0, math.inf, math.inf),
        (0.1, 0, math.inf, 1 / (0.8 * 0.1)),
        (1, 0, 1, 1 / 0.8),
        (1, 1, 1, 1 / 0.8),
        (0, 1, 1, 1 / 0.8),
    ],
)
def test_peaks_at_the_ends_of_the_range(sigma, kappa, calls, rate):
    assert fs.usl_peak(0.8, sigma, kappa) == (pytest.approx(calls), pytest.approx(rate))


def test_broadcasting_and_plain_floats():
    assert fs.usl_throughput([[1.0], [2.0]], [0.5, 1.0, 2.0], 0.01, 0).shape == (2, 3)
    assert type(fs.usl_throughput(10, 0.8, 0.01, 0)) is float
    assert [x.shape for x in fs.usl_peak(0.8, [0.1, 0.2], 1e-3)] == [(2,), (2,)]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((-1, 0.8, 0.01, 0), "usl.calls"),
        ((math.nan, 0.8, 0.01, 0), "usl.calls"),
        (("10", 0.8, 0.01, 0), "usl.calls"),
        ((10, 0.0, 0.01, 0), "gateway.service_time"),
        ((10, 0.8, 1.01, 0), "gateway.contention"),
        ((10, 0.8, 0.01, -1e-9), "gateway.coherency"),
    ],
)
@pytest.mark.parametrize("function", [fs.usl_response_time, fs.usl_throughput])
def test_bad_input_is_named(function, arguments, name):
    with pytest.raises(fs.ParameterError, match=f"{name} is .*: must be .*; "):
        function(*arguments)
