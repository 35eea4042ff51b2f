"""The numbers behind the pictures: rows that are checked, gaps between two counts, a bill in steps, fronts, maps.

Nothing here draws: `charts` and `panels` do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..decisions.cost import LOST
from ..formulas.usl import usl_peak, usl_response_time, usl_throughput
from ..model.fluid import fifo_wait
from ..parameters import FloatArray, ParameterError

if TYPE_CHECKING:
    import pandas as pd


def row(
    name: str, values: Any, *, like: tuple[str, int] | None = None, least: float | None = None, gaps: bool = False
) -> FloatArray:
    """One row of numbers, shape (n,), or a `ParameterError` that says which is wrong, what is right and what to do.

    `like`: the name and the length of the row that this one goes with. `least`: the smallest legal value. `gaps`: NaN
    and infinity are legal; a masked value is NaN.

    >>> row("time", [0, 60]).tolist()
    [0.0, 60.0]
    """
    try:
        array = np.asarray(np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan))
    except (TypeError, ValueError):
        raise ParameterError(f"{name} is {values!r:.60}: must be a row of numbers; pass a list or an array") from None
    if array.ndim != 1 or (like and array.size != like[1]):
        wanted = f"({like[1]},), as {like[0]} has" if like else "(n,)"
        raise ParameterError(f"{name} has shape {array.shape}: must have shape {wanted}; pass one value per point")
    if not gaps and (bad := ~np.isfinite(array) | (array < (-math.inf if least is None else least))).any():
        at = int(np.argmax(bad))
        bound = "finite" if least is None else f"finite and at least {least:g}"
        raise ParameterError(f"{name} is {array[at]:g} at index {at}: must be {bound}; correct it or leave it out")
    return array


@dataclass(frozen=True)
class Gaps:
    """Two cumulative counts and what lies between them: arrays of shape (n,), with `at` among the times."""

    time: FloatArray
    arrived: FloatArray
    served: FloatArray
    queue: FloatArray
    wait: FloatArray
    index: int
    """Where in the rows the chosen instant is."""


def gaps(time: Any, arrived: Any, served: Any, at: float | None = None) -> Gaps:
    """Newell's gaps: the vertical one is the queue, the horizontal one the wait.

        queue(t) = arrived(t) - served(t);   wait(t) = min{s >= t : served(s) >= arrived(t)} - t, as `fifo_wait`

    `time` (s), `arrived`, `served` (buyers so far): shape (n,), n at least 2, never falling; served never above
    arrived. `at` (s) is put among the times; without it, the first. Otherwise `ParameterError`.

    >>> g = gaps([0, 30, 90], [0, 3000, 3000], [0, 1000, 3000], at=15)
    >>> float(g.queue[g.index]), float(g.wait[g.index])
    (1000.0, 30.0)

    Reference: G. F. Newell, Applications of Queueing Theory (1982), chapter 2.
    """
    t = row("time", time)
    pair = (("arrived", arrived), ("served", served))
    a, s = (row(name, values, like=("time", t.size), least=0.0) for name, values in pair)
    if t.size < 2:
        raise ParameterError(f"time has {t.size} value(s): must have at least 2; give the start and the end")
    if at is not None and not t[0] <= at <= t[-1]:
        raise ParameterError(f"at is {at:g} s: must be from {t[0]:g} to {t[-1]:g} s; choose an instant of the curves")
    try:
        wait = np.asarray(fifo_wait(t, a, s))
    except ParameterError as error:
        text = str(error).replace("fifo_wait.arrivals", "arrived").replace("fifo_wait.departures", "served")
        raise ParameterError(text.replace("fifo_wait.", "")) from None
    index = 0
    if at is not None:
        index = int(np.searchsorted(t, at, side="right"))
        t, a, s = (np.insert(values, index, np.interp(at, t, values)) for values in (t, a, s))
        wait = np.asarray(fifo_wait(t, a, s))
    return Gaps(t, a, s, np.maximum(a - s, 0.0), wait, index)


def peak(values: FloatArray) -> int:
    """The first index at which the values are as high as they get, but for rounding.

    >>> peak(np.array([0.0, 2.0, 2.0 + 1e-12]))
    1
    """
    top = float(values.max())
    return int(np.argmax(values >= top - 1e-9 * abs(top))) if math.isfinite(top) else int(np.argmax(values))


def bill_parts(
    items: pd.DataFrame | Mapping[str, float], apart: Sequence[str] = ()
) -> tuple[list[tuple[str, str, float]], list[tuple[str, str, float]]]:
    """The items of a bill as (name, kind, amount): those that add up, and those that stand apart from the sum.

    `items`: a table as from `bill`, whose rows of kind "lost" stand apart, or amounts by name (their kind is ""). No
    item, a table of several scenarios, an amount that is not finite: `ParameterError`.

    >>> bill_parts({"workers": 1.5, "lost margin": 900}, apart=["lost margin"])
    ([('workers', '', 1.5)], [('lost margin', '', 900.0)])
    """
    kinds: dict[str, str] = {}
    table: Any = items
    if hasattr(table, "columns"):
        if missing := {"item", "kind", "cost"} - set(table.columns):
            raise ParameterError(
                f"items has no column {', '.join(sorted(missing))}; pass the table that bill() returns"
            )
        if table["item"].duplicated().any():
            raise ParameterError("items names an item twice: must be the bill of one scenario; pick one of them")
        kinds = dict(zip(table["item"], table["kind"], strict=True))
        items = dict(zip(table["item"], table["cost"], strict=True))
    if not items:
        raise ParameterError("items is empty: must hold at least one amount; pass a bill, or amounts by name")
    if unknown := set(apart) - set(items):
        raise ParameterError(f"apart names {', '.join(sorted(unknown))}: must be among {', '.join(items)}")
    amounts = row("items", list(items.values())).tolist()
    rows = [(name, kinds.get(name, ""), amount) for name, amount in zip(items, amounts, strict=True)]
    aside = [name in apart or kind == LOST for name, kind, _ in rows]
    return [r for r, away in zip(rows, aside, strict=True) if not away], [
        r for r, away in zip(rows, aside, strict=True) if away
    ]


def money(amount: float) -> str:
    """An amount for a label, from parts of a cent to billions.

    >>> [money(x) for x in (0, 0.00012, 2.184, 46012.4, -1.25e6)]
    ['0', '0.00012', '2.18', '46,012', '-1.25 million']
    """
    size = abs(amount)
    if size >= 999_999.5:
        return f"{amount / 1e6:,.2f} million"
    return f"{amount:,.0f}" if size >= 999.995 or size == 0 else f"{amount:.2f}" if size >= 0.1 else f"{amount:.2g}"


def brief(value: float) -> str:
    """A number for a label: three digits, commas between thousands.

    >>> [brief(x) for x in (0.012345, 86.57, 1234.5, 2.5e7, float("inf"))]
    ['0.0123', '86.6', '1,234', '25,000,000', 'no limit']
    """
    if math.isnan(value) or value == -math.inf:
        return "none"
    if math.isinf(value):
        return "no limit"
    rounded = float(f"{value:.3g}")
    return f"{value:,.0f}" if abs(rounded) >= 100 else f"{rounded:.6g}"


def front(cost: Any, value: Any) -> NDArray[np.bool_]:
    """Which designs no other beats: the Pareto front of low cost and high value.

        i is on it unless some j has cost_j <= cost_i and value_j >= value_i, one of the two strictly

    `cost`, `value`: shape (n,), infinity allowed; twins are both on it, NaN never is. Returns shape (n,), in
    O(n log n).

    >>> front([1, 2, 2, 3], [10, 30, 20, 30]).tolist()
    [True, True, False, False]
    """
    c = row("cost", cost, gaps=True)
    v = row("value", value, like=("cost", c.size), gaps=True)
    on = np.zeros(c.size, dtype=bool)
    known = np.flatnonzero(~(np.isnan(c) | np.isnan(v)))
    order = known[np.lexsort((-v[known], c[known]))]  # by cost; the best of equal cost first
    c, v = c[order], v[order]
    first = np.searchsorted(c, c, side="left")  # where those of equal cost begin
    best = np.maximum.accumulate(v)[first - 1] if c.size else v  # of those that cost less
    on[order] = (v == v[first]) & ((first == 0) | (v > best))
    return on


def designs(
    cost: Any, value: Any, ok: Any = None, log: bool = False
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_], NDArray[np.int64], int]:
    """Designs that have a place in a picture, which of them meet the targets, and the front of those.

    Leaves out designs whose cost or value is not finite (and, with `log`, whose cost is not above 0). Returns cost,
    value, whether it meets the targets, the indices of the front by rising cost, and how many were left out. None left:
    `ParameterError`.

    >>> designs([1, 2, np.inf], [10, 30, 0], ok=[False, True, True])[3:]
    (array([1]), 1)
    """
    c = row("cost", cost, gaps=True)
    v = row("value", value, like=("cost", c.size), gaps=True)
    meets = np.ones(c.size, dtype=bool) if ok is None else row("ok", ok, like=("cost", c.size)) != 0
    known = np.isfinite(c) & np.isfinite(v) & ((c > 0) | (not log))
    if not known.any():
        raise ParameterError(
            "cost and value are finite for no design: must be for one at least; pass designs that sell"
        )
    c, v, meets = c[known], v[known], meets[known]
    best = np.flatnonzero(meets)[front(c[meets], v[meets])]
    return c, v, meets, best[np.lexsort((v[best], c[best]))], int(np.sum(~known))


def edges(name: str, middles: Any, log: bool = False) -> FloatArray:
    """The edges, shape (n + 1,), of cells around rising middles, shape (n,); halfway on a log axis is geometric.

    >>> edges("x", [1, 2, 4]).tolist(), edges("y", [1, 100], log=True).round(3).tolist()
    ([0.5, 1.5, 3.0, 5.0], [0.1, 10.0, 1000.0])
    """
    m = row(name, middles, least=1e-200 if log else None)
    if not m.size or (np.diff(m) <= 0).any():
        raise ParameterError(f"{name} has {m.size} values: must be at least one, each above the one before; sort them")
    m = np.log(m) if log else m
    ends = (m[1] - m[0], m[-1] - m[-2]) if m.size > 1 else (1.0, 1.0)
    result = np.concatenate(([m[0] - ends[0] / 2], (m[1:] + m[:-1]) / 2, [m[-1] + ends[1] / 2]))
    return np.asarray(np.exp(result) if log else result)


def roomiest(mask: NDArray[np.bool_], rows: int, columns: int) -> tuple[float, float] | None:
    """The middle (row, column) of a block of so many cells that lies in the region, near the region's own middle.

    >>> roomiest(np.ones((5, 9), dtype=bool), 3, 3), roomiest(np.ones((2, 2), dtype=bool), 3, 1)
    ((2.5, 4.5), None)
    """
    if rows > mask.shape[0] or columns > mask.shape[1]:
        return None
    sums = np.pad(np.cumsum(np.cumsum(mask, axis=0), axis=1), ((1, 0), (1, 0)))
    inside = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns] + sums[:-rows, :-columns]
    at = np.argwhere(inside == rows * columns)
    if not at.size:
        return None
    row_, column = at[np.argmin(np.sum((at - at.mean(axis=0)) ** 2, axis=1))]
    return float(row_ + rows / 2), float(column + columns / 2)


@dataclass(frozen=True)
class StateMap:
    """A map of cells that are each in one of some states; see `state_map`. `state` has one row per y, shape (n, m)."""

    x: FloatArray
    """Edges of the cells, shape (m + 1,)."""
    y: FloatArray
    """Edges of the cells, shape (n + 1,)."""
    state: NDArray[np.int64]
    log_x: bool
    log_y: bool

    def at(self, x: Any, y: Any) -> Any:
        """The state at places of the map, of any shape; beyond it, that of the nearest cell."""
        pairs = ((self.y, y), (self.x, x))
        i, j = (np.clip(np.searchsorted(edge, v, side="right") - 1, 0, edge.size - 2) for edge, v in pairs)
        return self.state[i, j]

    def corners(self, k: int) -> FloatArray:
        """Rectangles that together are the region of state k: closed paths, shape (rectangles, 5, 2)."""
        mask = np.pad(self.state == k, ((0, 0), (1, 1))).astype(np.int8)
        (i, first), (_, last) = (np.nonzero(np.diff(mask, axis=1) == change) for change in (1, -1))
        x0, x1, y0, y1 = self.x[first], self.x[last], self.y[i], self.y[i + 1]
        return np.stack([x0, y0, x1, y0, x1, y1, x0, y1, x0, y0], axis=1).reshape(-1, 5, 2)

    def borders(self) -> FloatArray:
        """The line pieces between cells of different states: shape (pieces, 2, 2)."""
        i, j = np.nonzero(self.state[:, 1:] != self.state[:, :-1])
        upright = np.stack([self.x[j + 1], self.y[i], self.x[j + 1], self.y[i + 1]], axis=1)
        i, j = np.nonzero(self.state[1:] != self.state[:-1])
        level = np.stack([self.x[j], self.y[i + 1], self.x[j + 1], self.y[i + 1]], axis=1)
        return np.concatenate([upright, level]).reshape(-1, 2, 2)

    def share(self, k: int) -> float:
        """The part of the map, as drawn, that is in state k."""
        x, y = (np.log(edge) if log else edge for edge, log in ((self.x, self.log_x), (self.y, self.log_y)))
        area = np.outer(np.diff(y), np.diff(x))
        return float(area[self.state == k].sum() / area.sum())


def state_map(x: Any, y: Any, state: Any, states: int, log_x: bool = False, log_y: bool = False) -> StateMap:
    """A map from the middles of its cells, `x` (m,) and `y` (n,), and their states (n, m): whole, 0 to `states` - 1.

    >>> m = state_map([1, 2, 3], [1, 2], [[0, 0, 1], [0, 1, 2]], 3)
    >>> m.share(0), int(m.at(2.9, 2)), len(m.corners(1)), len(m.borders())
    (0.5, 2, 2, 5)
    """
    across, up = edges("x", x, log_x), edges("y", y, log_y)
    z = np.asarray(state)
    wanted = (up.size - 1, across.size - 1)
    if z.shape != wanted or z.dtype.kind not in "biuf" or not np.isin(z, range(states)).all():
        todo = f"must be {wanted}, of whole numbers from 0 to {states - 1}; give one row per y and one column per x"
        raise ParameterError(f"state has shape {z.shape} and values like {z.ravel()[:3]}: {todo}")
    return StateMap(across, up, z.astype(np.int64), log_x, log_y)


Curve: TypeAlias = tuple[FloatArray, FloatArray]


def knee_curves(
    calls: Any, throughput: Any, law: tuple[Any, Any, Any] | None
) -> tuple[list[Curve], list[Curve], float, float, float]:
    """Measured points and, with a `law` (s0, sigma, kappa), its curve: throughput and time per call against calls N.

        X(N) = N/R(N), which peaks at N* = sqrt((1-sigma)/kappa);   R(N) = N/X(N), by Little's law

    `calls` (N, above 0) and `throughput` (at least 0): shape (n,); may be empty when there is a law. Returns the curves
    of X, those of R, how far N goes, and N* with the throughput there (infinite without a law or a peak). The curves end
    with the last point, or at 2.5 times the peak if that is more.

    >>> rates, times, far, peak_calls, best = knee_curves([], [], (0.8, 0.002, 3.9e-5))
    >>> round(peak_calls), round(far), round(best, 1)
    (160, 400, 86.6)
    """
    n = row("calls", calls, least=1e-9)
    x = row("throughput", throughput, like=("calls", n.size), least=0.0)
    if law is None and not n.size:
        raise ParameterError("calls is empty and fit is None: one must be given; pass points, a fit or a gateway")
    if law and any(map(np.ndim, law)):
        raise ParameterError("fit is a gateway of arrays: must be a single one; pick one of them")
    last = float(n.max(initial=0.0))
    far = 1.06 * last
    rates, times = [(n, x)], [(n[x > 0], n[x > 0] / x[x > 0])]
    if law is None:
        return rates, times, far, math.inf, math.inf
    at, best = usl_peak(*law)
    near = math.isfinite(at) and (not n.size or at < 3 * far)  # a peak far beyond the data is a guess: not drawn
    last, far = (max(end, 2.5 * at) if near else end or 100.0 for end in (last, far))
    grid = np.linspace(min(1.0, far / 400), last, 800)
    rates.append((grid, usl_throughput(grid, *law)))
    times.append((grid, usl_response_time(grid, *law)))
    return rates, times, far, float(at), float(best)


def spread(wanted: Any, gap: float, low: float, high: float) -> list[float]:
    """Positions as near as may be to the wanted ones, in the same order, at least `gap` apart, from `low` to `high`.

    >>> spread([0.5, 0.5, 0.0], 0.1, 0.0, 1.0)
    [0.45, 0.55, 0.0]
    """
    place = np.asarray(wanted, dtype=np.float64)
    gap = min(gap, (high - low) / max(place.size - 1, 1))
    order = np.argsort(place, kind="stable")
    steps = gap * np.arange(place.size)
    free = place[order] - steps  # in these coordinates "at least a gap apart" reads "never falling"
    free = (np.maximum.accumulate(free) + np.minimum.accumulate(free[::-1])[::-1]) / 2
    result = np.empty_like(place)
    result[order] = np.clip(free, low, high - gap * max(place.size - 1, 0)) + steps
    return [round(float(y), 12) for y in result]
