"""Flash Sale: a small vectorised queueing library for keeping a checkout alive during a drop.

Two floors. Numbers: `simulate` and what it needs, stations in steady state, fluid queues; only numpy at import.
Presentation: `figures`, `charts`, `panels` and `diagram` (pictures), `controls`, `player`, `jobs` and `exercises`
(widgets), which bring matplotlib and ipywidgets with them. What a first simulation does not need is imported later.

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
from .usl import UslFitWarning, fit_usl, usl_peak, usl_response_time, usl_throughput

if TYPE_CHECKING:
    from . import charts, controls, diagram, exercises, figures, jobs, kata, panels, player, review, words
    from .abandonment import erlang_a
    from .cost import Prices, bill, cost_per_order
    from .erlang import erlang_b, erlang_c, mmc, mmck
    from .fluid import drain_time, fifo_wait, fluid_many_server, fluid_queue, peak_backlog
    from .retries import retry_amplification
    from .scorecard import Targets, score
    from .staffing import halfin_whitt, servers_for, square_root_staffing
    from .sweeps import grid, sample, sweep
    from .twins import twin

__version__ = "0.1.0"

_MODULES = (
    "charts",
    "controls",
    "diagram",
    "exercises",
    "figures",
    "jobs",
    "kata",
    "panels",
    "player",
    "review",
    "words",
)
_LATER = {
    "erlang": ("erlang_b", "erlang_c", "mmc", "mmck"),
    "abandonment": ("erlang_a",),
    "retries": ("retry_amplification",),
    "cost": ("Prices", "bill", "cost_per_order"),
    "scorecard": ("Targets", "score"),
    "sweeps": ("grid", "sample", "sweep"),
    "fluid": ("drain_time", "fifo_wait", "fluid_many_server", "fluid_queue", "peak_backlog"),
    "twins": ("twin",),
    "staffing": ("halfin_whitt", "servers_for", "square_root_staffing"),
}
_HOME = {name: module for module, names in _LATER.items() for name in names}

__all__ = [
    "Buyers",
    "Demand",
    "Design",
    "Outcome",
    "ParameterError",
    "PaymentGateway",
    "Prices",
    "Targets",
    "UnknownParameterError",
    "UslFitWarning",
    "bill",
    "charts",
    "controls",
    "cost_per_order",
    "diagram",
    "drain_time",
    "erlang_a",
    "erlang_b",
    "erlang_c",
    "exercises",
    "fifo_wait",
    "figures",
    "fit_usl",
    "fluid_many_server",
    "fluid_queue",
    "grid",
    "halfin_whitt",
    "jobs",
    "kata",
    "mmc",
    "mmck",
    "panels",
    "parameter",
    "parameters",
    "peak_backlog",
    "player",
    "retry_amplification",
    "review",
    "sample",
    "score",
    "servers_for",
    "simulate",
    "square_root_staffing",
    "sweep",
    "twin",
    "usl_peak",
    "usl_response_time",
    "usl_throughput",
    "words",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in _HOME:
        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"flashsale_lib has no {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
