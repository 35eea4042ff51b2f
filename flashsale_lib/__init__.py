"""Flash Sale: a small vectorised queueing library for keeping a checkout alive during a drop.

Two floors. Numbers: `simulate` and what it needs; only numpy at import. Presentation: `figures`, `controls`,
`exercises`, loaded when first touched, because they bring matplotlib and ipywidgets with them.

>>> import flashsale_lib as fs
>>> outcome = fs.simulate(fs.Design(workers=[40, 160, 480]), record=False)
>>> outcome.paid.round()
array([17086., 22492.,  4957.])
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .demand import Demand
from .drop import simulate
from .outcome import Outcome
from .parameters import ParameterError, UnknownParameterError, parameter, parameters
from .scenario import Buyers, Design, PaymentGateway
from .usl import usl_peak, usl_response_time, usl_throughput

if TYPE_CHECKING:
    from . import controls, exercises, figures, words

__version__ = "0.1.0"

__all__ = [
    "Buyers",
    "Demand",
    "Design",
    "Outcome",
    "ParameterError",
    "PaymentGateway",
    "UnknownParameterError",
    "controls",
    "exercises",
    "figures",
    "parameter",
    "parameters",
    "simulate",
    "usl_peak",
    "usl_response_time",
    "usl_throughput",
    "words",
]


def __getattr__(name: str) -> Any:
    if name in ("controls", "exercises", "figures", "words"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"flashsale_lib has no {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
