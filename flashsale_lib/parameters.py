"""The check that every value goes through, and what the parameter dataclasses share."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from .table import BRIEF, HUGE, INF, TABLE, Parameter, Slider

__all__ = [
    "BRIEF", "HUGE", "INF", "TABLE", "Checked", "FloatArray", "Numeric", "Parameter", "ParameterError", "Slider",
    "UnknownParameterError", "check", "default", "documented", "owned", "parameter", "parameters", "plain",
]  # fmt: skip

FloatArray: TypeAlias = NDArray[np.float64]
Numeric: TypeAlias = float | FloatArray


class ParameterError(ValueError):
    """A value that no parameter may take; says the name, the value, the bounds and what to do next."""


class UnknownParameterError(ParameterError, TypeError):
    """A name that is not in the table."""


_ROWS = {(row.owner, row.name): row for row in TABLE}


def parameter(owner: str, name: str) -> Parameter:
    """The row of the table for one parameter.

    >>> parameter("gateway", "service_time").unit
    's'
    """
    try:
        return _ROWS[owner, name]
    except KeyError:
        known = sorted(n for o, n in _ROWS if o == owner) or sorted({o for o, _ in _ROWS})
        raise UnknownParameterError(_unknown(f"{owner}.{name}", name, known)) from None


def parameters(owner: str) -> Iterator[Parameter]:
    """All rows of one owner (`demand`, `buyers`, `gateway`, `design` or `simulation`), in order.

    >>> [row.name for row in parameters("simulation")]
    ['dt']
    """
    if not any(row.owner == owner for row in TABLE):
        raise UnknownParameterError(_unknown(owner, owner, sorted({row.owner for row in TABLE})))
    return (row for row in TABLE if row.owner == owner)


def owned(name: str, owners: Iterable[str]) -> Parameter | None:
    """The row of that name of whichever of the owners has one first; None if none has.

    >>> owned("patience", ("design", "buyers")).unit
    's'
    """
    return next((_ROWS[owner, name] for owner in owners if (owner, name) in _ROWS), None)


def default(owner: str, name: str) -> Any:
    """The default of a parameter, for a dataclass field."""
    return parameter(owner, name).default


def _unknown(shown: str, name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else "use one of these names"
    return f"{shown}: unknown name; {hint} Known: {', '.join(known)}"


def _show(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float | np.floating) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def check(row: Parameter, value: Any) -> Any:
    """`value` as a float (or a read-only float array), or a `ParameterError` that says what would be legal.

    Arrays are checked element by element; the message names the first bad one and its index.
    NaN is never legal; infinity only where it means "no limit".

    >>> check(parameter("design", "workers"), 160)
    160.0
    >>> check(parameter("gateway", "error_rate"), -0.1)
    Traceback (most recent call last):
        ...
    flashsale_lib.parameters.ParameterError: gateway.error_rate is -0.1 (share): must be a number from 0 to 1; \
move it to at least 0
    """
    if type(value) is bool and row.flag:
        return value  # the common cases, without building an array
    inside = isinstance(value, float) and (row.low <= value <= row.high or (value == INF and row.unlimited))
    if inside and not row.flag and (value.is_integer() or not row.whole):
        return float(value)
    name = f"{row.owner}.{row.name}"
    unit = f" ({row.unit})" if row.unit else ""
    if isinstance(value, np.ma.MaskedArray):
        raise ParameterError(f"{name} is a masked array: must be {row.bounds}{unit}; fill the gaps with .filled(...)")
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        array = np.array(None)
    if row.flag:
        is_flag = array.dtype == bool or (array.dtype.kind in "iuf" and bool(np.all((array == 0) | (array == 1))))
        if not is_flag or array.size == 0:
            raise ParameterError(f"{_wrong_type(row, name, unit, value)}; pass True or False, or an array of them")
        return bool(array) if array.ndim == 0 else _frozen(array.astype(np.float64))
    if array.dtype.kind not in "iuf":
        raise ParameterError(f"{_wrong_type(row, name, unit, value)}; pass a number, or an array of numbers")
    if array.size == 0:
        raise ParameterError(f"{name} is an empty array: must be {row.bounds}{unit}; pass at least one value")
    array = array.astype(np.float64)
    bad = np.isnan(array) | (array < row.low) | ((array > row.high) & ~(np.isposinf(array) & row.unlimited))
    if row.whole:
        bad |= array != np.floor(array)
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ParameterError(_out_of_bounds(row, name, unit, float(array[where]), where))
    return float(array) if array.ndim == 0 else _frozen(array)


def _wrong_type(row: Parameter, name: str, unit: str, value: Any) -> str:
    return f"{name} is {_show(value)}, a {type(value).__name__}: must be {row.bounds}{unit}"


def plain(value: Any) -> Any:
    """A float for one value, the array for many."""
    return float(value) if np.ndim(value) == 0 else value


def _out_of_bounds(row: Parameter, name: str, unit: str, value: float, where: tuple[int, ...]) -> str:
    at = f" at index {where if len(where) > 1 else where[0]}" if where else ""
    if math.isnan(value):
        todo = f"replace the missing value, for example by the default {row.default:g}"
    elif value < row.low:
        todo = f"move it to at least {row.low:g}"
    elif value > row.high:
        todo = f"move it to at most {row.high:g}" + (", or pass infinity for no limit" if row.unlimited else "")
    else:
        todo = f"round it, for example to {round(value)}"
    return f"{name} is {value:g}{unit}{at}: must be {row.bounds}; {todo}"


def _frozen(array: FloatArray) -> FloatArray:
    array = array.copy()
    array.flags.writeable = False
    return array


class Checked:
    """Base of the parameter dataclasses: validates every field against the table and compares arrays by value."""

    _owner: str

    def __post_init__(self) -> None:
        for row in parameters(self._owner):
            object.__setattr__(self, row.name, check(row, getattr(self, row.name)))

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(_same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))  # type: ignore[arg-type]

    __hash__ = None  # type: ignore[assignment]


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    return bool(np.array_equal(a, b))


C = TypeVar("C", bound=Checked)


def documented(owner: str) -> Callable[[type[C]], type[C]]:
    """Class decorator: appends the table's rows to the docstring and gives unknown names a helpful error."""

    def decorate(cls: type[C]) -> type[C]:
        names = [f.name for f in fields(cls)]  # type: ignore[arg-type]
        lines = ["", "    Parameters (any may be an array; all broadcast together)", "    ----------"]
        for row in parameters(owner):
            symbol = f" {row.symbol}" if row.symbol else ""
            unit = f", {row.unit}" if row.unit else ""
            lines.append(f"    {row.name} :{symbol}{unit}. {row.meaning.capitalize()}. Default {row.default:g}.")
            lines.append(f"        Must be {row.bounds}; otherwise `ParameterError`.")
        cls.__doc__ = (cls.__doc__ or "").rstrip() + "\n" + "\n".join(lines) + "\n"
        plain_init: Any = vars(cls)["__init__"]

        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            for name in kwargs:
                if name not in names:
                    raise UnknownParameterError(_unknown(f"{owner}.{name}={kwargs[name]!r}", name, names))
            plain_init(self, *args, **kwargs)

        __init__.__wrapped__ = plain_init  # type: ignore[attr-defined]  # keeps the signature for help()
        __init__.__doc__ = plain_init.__doc__
        cls._owner = owner
        cls.__init__ = __init__  # type: ignore[method-assign]
        return cls

    return decorate
