"""Demand: how many buyers arrive, and when."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..parameters import FloatArray, Parameter, ParameterError, check, parameter

LARGEST = 1e12
"""Bound of times, rates and scales: sums over the window stay finite."""
KNOTS = 2000
"""Knots that trace the exponential decay: the surge is then right to 2 in a million."""


@dataclass(frozen=True, eq=False)
class Demand:
    """Arrival rate over time, linear between the given times and zero outside them.

        lambda(t) = rate[i] + (rate[i+1] - rate[i]) * (t - time[i]) / (time[i+1] - time[i])

    Parameters
    ----------
    time : s, shape (K,), K at least 2, never falling; a time given twice makes the rate jump there.
    rate : buyers/s, shape (..., K), finite and not negative. Leading axes are scenarios: they broadcast with
        every other parameter of `simulate`.

    Raises
    ------
    ParameterError : naming the first bad element.

    >>> Demand([0, 10, 10, 20], [5, 5, 50, 50]).total
    550.0
    """

    time: FloatArray
    rate: FloatArray

    def __post_init__(self) -> None:
        time = _numbers("demand.time", self.time, "s")
        rate = _numbers("demand.rate", self.rate, "buyers/s")
        if time.ndim != 1 or time.size < 2:
            raise ParameterError(
                f"demand.time has shape {time.shape}: must be one row of at least 2 times (s); pass the first and last"
            )
        if rate.ndim == 0 or rate.shape[-1] != time.size:
            raise ParameterError(
                f"demand.rate has shape {rate.shape}: its last axis must match the {time.size} times; pass one rate per time"
            )
        falls = np.flatnonzero(np.diff(time) < 0)
        if falls.size:
            i = int(falls[0])
            raise ParameterError(
                f"demand.time falls from {time[i]:g} s at index {i} to {time[i + 1]:g} s: must never fall; sort the times"
            )
        if time[-1] <= time[0]:
            raise ParameterError(f"demand.time spans {time[-1] - time[0]:g} s: must be above 0; pass a later last time")
        if np.any(rate < 0):
            where = tuple(int(i) for i in np.argwhere(rate < 0)[0])
            raise ParameterError(
                f"demand.rate is {rate[where]:g} buyers/s at index {where[-1]}: must be at least 0; move it to 0 or above"
            )
        for name, value in (("time", time), ("rate", rate)):
            value = value.copy()
            value.flags.writeable = False
            object.__setattr__(self, name, value)

    @classmethod
    def drop(
        cls,
        *,
        base: float = parameter("demand", "base").default,
        surge: float = parameter("demand", "surge").default,
        start: float = parameter("demand", "start").default,
        ramp: float = parameter("demand", "ramp").default,
        decay: float = parameter("demand", "decay").default,
        window: float = parameter("demand", "window").default,
    ) -> Demand:
        """A drop: a base rate, and on top of it a surge that climbs linearly and dies away exponentially.

            lambda(t) = base + surge * (t - start)/ramp                    while start < t <= start + ramp
            lambda(t) = base + surge * exp(-(t - start - ramp)/decay)      afterwards

        All scalars: `base`, `surge` (buyers/s), `start`, `ramp`, `decay`, `window` (s); bounds in
        `flashsale_lib.parameters`. The defaults are the default world.

        >>> round(Demand.drop().total)
        33550
        """
        p = {
            name: _scalar(parameter("demand", name), value)
            for name, value in (
                ("base", base),
                ("surge", surge),
                ("start", start),
                ("ramp", ramp),
                ("decay", decay),
                ("window", window),
            )
        }
        peak = p["start"] + p["ramp"]
        fine = np.linspace(0.0, 1.0, KNOTS + 1) ** 2 * 40.0 * p["decay"]  # densest where the rate falls fastest
        time = np.concatenate(([0.0, p["start"]], peak + fine, [p["window"]]))
        extra = np.concatenate(([0.0, 0.0], p["surge"] * np.exp(-fine / p["decay"]), [0.0]))
        if p["window"] < time[-2]:
            # Cut at the end of the window; interpolating between dense knots keeps the shape.
            inside = time < p["window"]
            at_end = np.interp(p["window"], time[:-1], extra[:-1]) if p["window"] > p["start"] else 0.0
            time, extra = np.append(time[inside], p["window"]), np.append(extra[inside], at_end)
        return cls(time, p["base"] + extra)

    @classmethod
    def from_csv(cls, path: str | Path) -> Demand:
        """Demand from a CSV with the columns `time` (s, start of each interval) and `buyers` (count in it).

        Intervals must be equally long; the rate is constant within each, so `total` is the sum of the counts.
        Every fault of the file gets its own `ParameterError` naming the row as a spreadsheet numbers it (header = 1).

        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "minutes.csv")
        ...     _ = path.write_text("time,buyers\\n0,600\\n60,1200\\n")
        ...     Demand.from_csv(path)([30, 90])
        array([10., 20.])
        """
        try:
            with Path(path).open(encoding="utf-8-sig", newline="") as file:
                lines = list(csv.reader(file, skipinitialspace=True))
        except (UnicodeDecodeError, csv.Error):
            raise ParameterError(f"{path}: not a text file; save the table as CSV in UTF-8") from None
        while lines and not any(text.strip() for text in lines[-1]):
            lines.pop()  # blank lines at the end are no rows
        if not lines:
            raise ParameterError(f"{path}: the file is empty; give it a header time,buyers and rows")
        header, rows = [name.strip() for name in lines[0]], lines[1:]
        missing = [name for name in ("time", "buyers") if name not in header]
        if missing:
            raise ParameterError(f"{path}: no column {missing[0]} among {header}; name the columns time (s) and buyers")
        if len(rows) < 2:
            raise ParameterError(f"{path}: {len(rows)} row(s) of data; give at least 2, so that the interval is known")
        for number, fields in enumerate(rows, start=2):
            if len(fields) > len(header):
                raise ParameterError(
                    f"{path}, row {number}: {len(fields)} fields under {len(header)} columns; "
                    "write one per column, with a decimal point instead of a comma"
                )
        time, buyers = (_column(path, rows, header.index(name), name) for name in ("time", "buyers"))
        if np.any(buyers < 0):
            row = int(np.flatnonzero(buyers < 0)[0])
            raise ParameterError(f"{path}, row {row + 2}: buyers is {buyers[row]:g}; a count must be at least 0")
        gaps = np.diff(time)
        if np.any(gaps <= 0):
            row = int(np.flatnonzero(gaps <= 0)[0]) + 1
            raise ParameterError(
                f"{path}, row {row + 2}: time {time[row]:g} s comes after {time[row - 1]:g} s; sort the rows by time, one row per time"
            )
        # Times are written with limited digits: allow for their rounding, and for that of large (epoch) times.
        wrong = np.flatnonzero(np.abs(gaps - gaps[0]) > 1e-6 * gaps[0] + 4e-16 * np.abs(time).max())
        if wrong.size:
            row = int(wrong[0]) + 1
            raise ParameterError(
                f"{path}, row {row + 2}: {gaps[row - 1]:g} s after the row before, but the first interval is {gaps[0]:g} s; "
                "make the intervals equal (write 0 buyers where nothing was counted)"
            )
        edges = np.append(time, time[-1] + gaps[-1])
        return cls(np.repeat(edges, 2)[1:-1], np.repeat(buyers / np.diff(edges), 2))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Demand):
            return NotImplemented
        return np.array_equal(self.time, other.time) and np.array_equal(self.rate, other.rate)

    def __hash__(self) -> int:
        return hash((self.time.tobytes(), self.rate.tobytes()))

    def __call__(self, t: Any) -> Any:
        """The arrival rate at the times `t` (any shape), in buyers/s; at a jump, the rate before it.

        >>> Demand([0, 10], [0, 50])([5, 10, 11]).tolist()
        [25.0, 50.0, 0.0]
        """
        t = np.asarray(t, dtype=np.float64)
        i = np.minimum(np.searchsorted(self.time, t, side="left"), self.time.size - 1)
        before = np.maximum(i - 1, 0)
        left, right = self.time[before], self.time[i]
        part = np.where(right > left, (t - left) / np.where(right > left, right - left, 1.0), 1.0)
        rate = self.rate[..., before] * (1.0 - part) + self.rate[..., i] * part
        rate = np.where((t < self.time[0]) | (t > self.time[-1]), 0.0, rate)
        return float(rate) if rate.ndim == 0 else rate

    def cumulative(self, t: Any) -> Any:
        """Buyers who have arrived by the times `t` (any shape): the exact integral of the rate.

        >>> round(Demand.drop().cumulative(90) - Demand.drop().cumulative(60))
        14944
        """
        t = np.clip(np.asarray(t, dtype=np.float64), self.time[0], self.time[-1])
        i = np.clip(np.searchsorted(self.time, t, side="right") - 1, 0, self.time.size - 2)
        width = self.time[i + 1] - self.time[i]
        into = t - self.time[i]
        slope = np.where(width > 0, (self.rate[..., i + 1] - self.rate[..., i]) / np.where(width > 0, width, 1.0), 0.0)
        count = self._counts[..., i] + into * (self.rate[..., i] + 0.5 * slope * into)
        return float(count) if count.ndim == 0 else count

    @property
    def _counts(self) -> FloatArray:
        """Buyers who have arrived by each knot."""
        areas = 0.5 * (self.rate[..., 1:] + self.rate[..., :-1]) * np.diff(self.time)
        return np.concatenate((np.zeros((*areas.shape[:-1], 1)), np.cumsum(areas, axis=-1)), axis=-1)

    @property
    def total(self) -> Any:
        """Buyers who arrive in the whole window.

        >>> Demand([0, 10], [0, 50]).total
        250.0
        """
        total = self._counts[..., -1]
        return float(total) if total.ndim == 0 else total

    @property
    def window(self) -> float:
        """Length of the window in seconds.

        >>> Demand.drop().window
        900.0
        """
        return float(self.time[-1] - self.time[0])

    def scaled(self, k: Any) -> Demand:
        """The same shape with `k` times as many buyers. An array of k makes one scenario per element.

        >>> Demand.drop().scaled([1, 1.5]).total.round()
        array([33550., 50325.])
        """
        k = _numbers("demand scale k", k, "times")
        if np.any(k < 0):
            raise ParameterError(f"demand scale k is {k.min():g}: must be at least 0; pass 0 for no demand")
        return Demand(self.time, self.rate * k[..., np.newaxis] if k.ndim else self.rate * k)

    def arrivals(self, dt: float) -> tuple[FloatArray, float]:
        """Buyers arriving in each of N equal steps of at most `dt` seconds, and the exact length of a step.

        The counts are differences of `cumulative`, so no buyer is lost or gained whatever the step.

        >>> counts, step = Demand([0, 10], [0, 50]).arrivals(4)
        >>> counts.round(1).tolist(), round(step, 3)
        ([27.8, 83.3, 138.9], 3.333)
        """
        return _arrivals(self, _scalar(parameter("simulation", "dt"), dt))

    def _binned(self, dt: float) -> tuple[FloatArray, float]:
        steps = max(1, int(np.ceil(self.window / dt - 1e-9)))
        if steps > 50_000_000:
            raise ParameterError(f"dt is {dt:g} s: {steps} steps for a window of {self.window:g} s; use a longer step")
        counts = self.cumulative(np.linspace(self.time[0], self.time[-1], steps + 1))
        counts = np.maximum(np.diff(counts, axis=-1), 0.0)
        counts.flags.writeable = False
        return counts, self.window / steps


@lru_cache(maxsize=8)
def _arrivals(demand: Demand, dt: float) -> tuple[FloatArray, float]:
    """Sliders ask for the same demand again and again."""
    return demand._binned(dt)


def _numbers(name: str, value: Any, unit: str) -> FloatArray:
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "iuf":
            raise TypeError
    except (TypeError, ValueError):
        raise ParameterError(f"{name} is {value!r}: must be numbers ({unit}); pass a list or an array") from None
    array = array.astype(np.float64)
    if not np.all(np.isfinite(array)):
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        at = f" at index {where[-1]}" if where else ""
        raise ParameterError(f"{name} is {array[where]:g}{at}: must be finite ({unit}); replace the value")
    if array.size == 0:
        raise ParameterError(f"{name} is an empty array: must be numbers ({unit}); pass at least one")
    if np.max(np.abs(array)) > LARGEST:
        where = tuple(int(i) for i in np.argwhere(np.abs(array) > LARGEST)[0])
        at = f" at index {where[-1]}" if where else ""
        raise ParameterError(f"{name} is {array[where]:g}{at}: must be within {LARGEST:g} ({unit}); check its unit")
    return array


def _scalar(row: Parameter, value: Any) -> float:
    value = check(row, value)
    if np.ndim(value):
        raise ParameterError(
            f"{row.owner}.{row.name} is an array of shape {np.shape(value)}: must be {row.bounds} ({row.unit}); pass one number"
        )
    return float(value)


def _column(path: str | Path, rows: list[list[str]], column: int, name: str) -> FloatArray:
    values = np.empty(len(rows))
    for row, fields in enumerate(rows):
        text = fields[column].strip() if column < len(fields) else ""
        where = f"{path}, row {row + 2}: {name}"
        if not text:
            raise ParameterError(f"{where} is empty; fill it in, or delete the row")
        try:
            values[row] = float(text.replace("_", "x"))  # Python would read 1_0 as ten
        except ValueError:
            raise ParameterError(
                f"{where} is {text!r}, not a number; write it with a decimal point and no unit"
            ) from None
        if not np.isfinite(values[row]):
            raise ParameterError(f"{where} is {text}; replace it by a finite number")
    return values
