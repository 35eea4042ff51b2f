"""Flash Sale: a small vectorised queueing library for keeping a checkout alive during a drop.

Folders, each of which imports from those before it only: `formulas` (stations in steady state), `model` (the drop as a
fluid), `decisions` (cost, targets, sweeps, the kata), `discrete_event` (the drop buyer by buyer), `pictures`, `classroom`
(widgets). What a first simulation does not need is imported later: only numpy comes at import.

>>> import flashsale_lib as fs
>>> outcome = fs.simulate(fs.Design(workers=[40, 160, 480]), record=False)
>>> outcome.paid.round()
array([17086., 22492.,  4957.])
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .formulas.usl import UslFitWarning, fit_usl, usl_peak, usl_response_time, usl_throughput
from .model.demand import Demand
from .model.drop import simulate
from .model.outcome import Outcome
from .model.scenario import Buyers, Design, PaymentGateway
from .parameters import ParameterError, UnknownParameterError, parameter, parameters

if TYPE_CHECKING:
    from .classroom import controls, exercises, jobs, player, review
    from .decisions import kata
    from .decisions.cost import Prices, bill, cost_per_order
    from .decisions.scorecard import Targets, score
    from .decisions.sweeps import grid, sample, sweep
    from .discrete_event.twins import twin
    from .formulas.abandonment import erlang_a
    from .formulas.erlang import erlang_b, erlang_c, mmc, mmck
    from .formulas.retries import retry_amplification
    from .formulas.staffing import halfin_whitt, servers_for, square_root_staffing
    from .model.fluid import drain_time, fifo_wait, fluid_many_server, fluid_queue, peak_backlog
    from .pictures import charts, diagram, figures, panels, words

__version__ = "0.1.0"

_MODULES = {
    "classroom": ("controls", "exercises", "jobs", "player", "review"),
    "decisions": ("kata",),
    "pictures": ("charts", "diagram", "figures", "panels", "words"),
}
_LATER = {
    "decisions.cost": ("Prices", "bill", "cost_per_order"),
    "decisions.scorecard": ("Targets", "score"),
    "decisions.sweeps": ("grid", "sample", "sweep"),
    "discrete_event.twins": ("twin",),
    "formulas.abandonment": ("erlang_a",),
    "formulas.erlang": ("erlang_b", "erlang_c", "mmc", "mmck"),
    "formulas.retries": ("retry_amplification",),
    "formulas.staffing": ("halfin_whitt", "servers_for", "square_root_staffing"),
    "model.fluid": ("drain_time", "fifo_wait", "fluid_many_server", "fluid_queue", "peak_backlog"),
}
_FOLDER = {name: folder for folder, names in _MODULES.items() for name in names}
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
    if name in _FOLDER:
        return import_module(f"{__name__}.{_FOLDER[name]}.{name}")
    if name in _HOME:
        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"flashsale_lib has no {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
