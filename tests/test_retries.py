"""Expected calls per intent against the closed form, a simulation by hand, and its limits."""

import numpy as np
import pytest

import flashsale_lib as fs


def test_closed_form_and_limits():
    p, n = np.linspace(0, 0.99, 50)[:, np.newaxis], np.arange(1, 21)
    np.testing.assert_allclose(fs.retry_amplification(p, n), (1 - p**n) / (1 - p), rtol=1e-13)  # its own cancellation
    assert fs.retry_amplification(1, 7) == 7.0
    assert fs.retry_amplification(0, 7) == fs.retry_amplification(0.3, 1) == 1.0
    assert type(fs.retry_amplification(0.5, 3)) is float
    assert fs.retry_amplification([0.5], 3).tolist() == [1.75], "an array of one stays an array"


def test_the_engine_makes_as_many_calls():
    """A gateway with a fixed share of errors and nothing else: calls per intent over a drop with time to finish."""
    gateway = fs.PaymentGateway(contention=0, coherency=0, call_limit=np.inf, error_rate=0.4, decline_rate=0)
    demand = fs.Demand([0, 10, 10, 600], [50, 50, 0, 0])
    design = fs.Design.unlimited(attempts=4, timeout=np.inf, backoff=1)
    outcome = fs.simulate(design, demand=demand, gateway=gateway, record=False)
    # After 590 s with a longest pause of 4 s nothing is left to do: exp(-100) of an intent.
    assert outcome.calls / outcome.arrived == pytest.approx(fs.retry_amplification(0.4, 4), rel=1e-9)


@pytest.mark.parametrize(
    ("p", "n", "words"), [(1.2, 3, "failure is 1.2"), (0.5, 0, "attempts is 0"), (0.5, 2.5, "2.5")]
)
def test_bad_input_is_named(p, n, words):
    with pytest.raises(fs.ParameterError, match=words):
        fs.retry_amplification(p, n)


def test_a_share_above_one_is_refused_by_a_hair():
    with pytest.raises(fs.ParameterError, match=r"failure is 1.05 .*from 0 to 1"):
        fs.retry_amplification(1.05, 3)
