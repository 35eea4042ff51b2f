"""What several test files share: the places of the ledger, runs, and the zero-step limit."""

import dataclasses

import numpy as np

import flashsale_lib as fs

PLACES = (
    "paid paid_late declined turned_away gave_up dead_lettered reloading queued at_gateway recovering".split()
)  # fmt: skip
PEAKS = ["max_queue", "max_in_flight", "worst_response_time"]
TOTALS = ["arrived", *PLACES, "calls", "admissions", *PEAKS]

PLAIN = fs.PaymentGateway(service_time=1.0, contention=0, coherency=0, call_limit=np.inf, error_rate=0, decline_rate=0)
"""A gateway whose calls take one second whatever the load and always succeed: closed forms hold."""
STEADFAST = fs.Buyers(patience=np.inf, reload_probability=0)
"""Buyers who neither leave the queue nor come back."""


def totals(outcome):
    return {name: getattr(outcome, name) for name in TOTALS}


def limit(design, dt=0.02, **scenario):
    """Every total for dt -> 0, by Richardson: runs at dt and dt/2, and the error falls with dt squared.

    At dt = 0.02 the correction itself is below 2e-5 of arrivals in every case here, so its own error does not matter.
    """
    coarse, fine = (totals(fs.simulate(design, dt=d, record=False, **scenario)) for d in (dt, dt / 2))
    return {name: fine[name] + (fine[name] - coarse[name]) / 3 for name in TOTALS}


def steady(rate, seconds, **changes):
    return fs.Demand([0, seconds], [rate, rate], **changes)


def changed(part, **changes):
    return dataclasses.replace(part, **changes)
