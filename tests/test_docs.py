"""Every public name of the numbers floor says what it does, and shows it in an example that runs."""

import importlib
import inspect
import tomllib
from pathlib import Path

import pytest
from test_project import MODULES, PRESENTATION, ROOT

import flashsale_lib as fs

FLOOR = sorted(set(MODULES) - PRESENTATION)
"""Modules of the numbers floor; what they define and `fs.__all__` exports is public."""
WITHOUT_EXAMPLE = {"ParameterError", "UnknownParameterError", "UslFitWarning"}
"""What is raised needs no example of its own: those of the functions that raise it show it."""
METHODS = (fs.Outcome, fs.Demand, fs.PaymentGateway, fs.Design, fs.Buyers, fs.Prices)


def exported():
    for name in fs.__all__:
        value = getattr(fs, name)
        if (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__.split(".")[-1] in FLOOR:
            yield name, value


def methods():
    for kind in METHODS:
        for name, value in vars(kind).items():
            function = getattr(value, "__func__", value)  # a classmethod's own function
            if not name.startswith("_") and (inspect.isfunction(function) or isinstance(value, property)):
                yield f"{kind.__name__}.{name}", function


EXPORTED, MEMBERS = dict(exported()), dict(methods())


def defined(module):
    """Functions and classes that a module defines itself, without a leading underscore."""
    for name, value in vars(module).items():
        function = inspect.unwrap(getattr(value, "py_func", value))
        mine = getattr(function, "__module__", None) == module.__name__
        if mine and not name.startswith("_") and (inspect.isfunction(function) or inspect.isclass(function)):
            yield name, function


def test_the_walk_finds_what_it_should():
    assert {"simulate", "Design", "erlang_c", "fluid_queue", "servers_for", "sweep", "bill", "score"} <= set(EXPORTED)
    assert {"Outcome.ledger", "Outcome.paid", "Demand.drop", "Design.naive", "PaymentGateway.peak"} <= set(MEMBERS)
    assert not {"figures", "controls", "twin"} & set(EXPORTED)


@pytest.mark.parametrize("name", [*EXPORTED, *MEMBERS])
def test_every_public_name_has_a_docstring(name):
    doc = inspect.getdoc({**EXPORTED, **MEMBERS}[name])
    assert doc
    assert not doc.startswith(f"{name}("), "the dataclass's own signature is no docstring"


@pytest.mark.parametrize("name", sorted({*EXPORTED, *MEMBERS} - WITHOUT_EXAMPLE))
def test_every_public_function_shows_an_example(name):
    """Totals of an outcome are numbers with a one-line meaning: they are exempt."""
    value = {**EXPORTED, **MEMBERS}[name]
    if isinstance(value, property) and name.startswith("Outcome.") and value.fget.__name__ == "<lambda>":
        assert value.__doc__
        return
    assert ">>> " in inspect.getdoc(value), f"{name}: add a doctest"


@pytest.mark.parametrize("module", FLOOR)
def test_modules_and_what_they_share_with_one_another_are_documented(module):
    """Not exported, but used across modules: a docstring is due, an example is not."""
    loaded = importlib.import_module(".".join(MODULES[module].relative_to(ROOT).with_suffix("").parts))
    assert loaded.__doc__
    missing = [name for name, value in defined(loaded) if not (value.__doc__ or "").strip()]
    assert missing == []


def test_coverage_leaves_out_just_the_presentation():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["coverage"]
    assert {Path(name).stem for name in settings["run"]["omit"]} == PRESENTATION
    assert settings["run"]["branch"] and settings["report"]["fail_under"] == 100
