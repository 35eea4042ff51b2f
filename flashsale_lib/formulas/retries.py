"""What retries do to load, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..parameters import Parameter, Slider, check, parameter, plain

_FAILURE = Parameter("retries", "failure", "p", "share", 0.0, 0.0, 1.0, "share of calls that fail", Slider(0, 1, 0.05))


def retry_amplification(failure: Any, attempts: Any) -> Any:
    """Expected calls per intent when each call fails with probability p and up to n attempts are made.

        A = 1 + p + ... + p^(n-1) = (1 - p^n)/(1 - p),   n for p = 1

    `failure` (p, share from 0 to 1) and `attempts` (n, whole, 1 to 20) broadcast; scalars in, scalar out. The calls
    are taken to fail independently of one another; in a real overload p itself grows with the calls, so this is a
    lower bound. NaN or out of range: `ParameterError`.

    >>> [round(retry_amplification(p, 4), 3) for p in (0.1, 0.5, 0.9, 1)]
    [1.111, 1.875, 3.439, 4.0]

    Reference: a geometric sum; the table above is that of the project's fact sheet, model 11.
    """
    p = np.asarray(check(_FAILURE, failure))
    n = np.asarray(check(parameter("design", "attempts"), attempts))
    powers = np.arange(20)  # summed term by term: no cancellation as p nears 1
    calls = np.sum(np.where(powers < n[..., np.newaxis], p[..., np.newaxis] ** powers, 0.0), axis=-1)
    return plain(calls)
