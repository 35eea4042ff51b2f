"""The numerics under the Erlang formulas: two ratios of a Poisson distribution, for any size of system.

With load a, let N be Poisson with mean a (the number busy if there were a server for everybody). Everything here
rests on two ratios, both relative to the probability of exactly c, and defined for any real c >= 0:

    free(c, a) = P(N < c) / P(N = c)        "some server is free"
    busy(c, a) = P(N >= c) / P(N = c)       "all c are busy"          free + busy = 1 / P(N = c)

Erlang B is 1 / (1 + free); Erlang C is 1 / (1 + (1 - rho) free); Erlang A is a ratio of one free and one busy. Both are
sums of positive terms, so nothing cancels and nothing overflows before the answer itself does. They are found

- by the series of positive terms, stopped, where load and servers are far apart: few terms;
- by Temme's uniform expansion where they are close: about a hundred products, at ten servers more than at a million;
- by scipy.special for c below 25, where it is right to 2e-14. Not above: gammaincc(c, a) is NaN or 0 once it
  underflows (c = 5000, a = 10000) and has lost 6 digits at a million.

Arrays only, float64; callers ignore floating-point flags. No NaN comes in or goes out; infinity is a value (a ratio too
large for a float). NumPy only, no compiler: a million pairs take 0.1 s, because large arrays are cut into pieces that fit
the cache, sorted by the route they need, and shared between the cores.

Reference: NIST Digital Library of Mathematical Functions (dlmf.nist.gov), 8.7, 8.11 and 8.12; N. M. Temme (1979), The
asymptotic expansion of the incomplete gamma functions, SIAM Journal on Mathematical Analysis 10(4).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import cache

import numpy as np
from scipy import special

from ..parameters import FloatArray

SMALL = 25.0
"""Below this many servers scipy.special is accurate; above, the asymptotic series are."""
NEAR = (0.6, 1.6)
"""Load per server between which Temme's expansion is used. Its table is cut for this range."""
BLOCK = 65536
"""Elements in a piece: small enough for a core's cache, large enough that threads do not queue for the interpreter."""
_EPS = 1e-17
_GAP_TERMS = 15
_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)


# ---- the probability of exactly c -----------------------------------------------------------------


def gap(d: FloatArray, log: FloatArray) -> FloatArray:
    """d - log(1 + d), given both d and log(1 + d), without the cancellation at small d."""
    close = (d > -0.45) & (d < 0.65)
    inside = d if close.all() else np.where(close, d, 0.0)
    # log1p(d) = 2 atanh(r) with r = d/(2+d), and d - 2r = d r.
    r = inside / (2.0 + inside)
    square = r * r
    total = np.full_like(r, 2.0 / (2 * _GAP_TERMS + 1))
    for k in range(_GAP_TERMS - 1, 0, -1):
        total *= square
        total += 2.0 / (2 * k + 1)
    total *= square
    np.subtract(inside, total, out=total)
    total *= r
    return total if inside is d else np.where(close, total, d - log)


def stirling(c: FloatArray) -> FloatArray:
    """log(Gamma(c+1)) - log(sqrt(2 pi c) c^c e^-c) for c >= 25: what Stirling's formula leaves out. DLMF 5.11.1."""
    u = 1.0 / (c * c)
    return np.asarray((1.0 / 12.0 - u * (1.0 / 360.0 - u * (1.0 / 1260.0 - u / 1680.0))) / c)


def log_poisson(c: FloatArray, a: FloatArray) -> FloatArray:
    """log P(N = c) = c log(a) - a - log(Gamma(c+1)); -inf at a = 0 < c.

    Above 25 by C. Loader's saddle point (2000): the exponent is c times a gap, not a difference of large numbers.
    """
    large = c >= SMALL
    if large.all():
        return -c * gap((a - c) / c, np.log(a / c)) - stirling(c) - 0.5 * np.log(2.0 * math.pi * c)
    n = np.where(large, c, SMALL)
    saddle = -n * gap((a - n) / n, np.log(a / n)) - stirling(n) - 0.5 * np.log(2.0 * math.pi * n)
    plain = special.xlogy(c, a) - a - special.gammaln(np.where(large, 1.0, c + 1.0))
    return np.where(large, saddle, plain)


def log_empty(c: FloatArray, a: FloatArray, free: FloatArray, total: FloatArray) -> FloatArray:
    """log P(nobody there), where `total` is the weight of all states in units of state c: it weighs c!/a^c.

    Where `free` is too large for a float, state c and what is above it weigh nothing, and the answer is e^-a.
    """
    weight = np.where(a <= c, log_poisson(c, a) + a, special.xlogy(c, a) - special.gammaln(c + 1.0))
    return np.where(np.isinf(free), -a, -weight - np.log(total))


# ---- the sums ---------------------------------------------------------------------------------------


def _rising(c: FloatArray, a: FloatArray, enough: FloatArray | float = _EPS) -> FloatArray:
    """1 + a/(c+1) + a^2/((c+1)(c+2)) + ..., stopped when the terms are below `enough`: busy(c, a). DLMF 8.7.1."""
    total, term, below = np.ones_like(c), np.ones_like(c), c.copy()
    while (term > enough).any():
        for _ in range(4):
            below += 1.0
            term *= a
            term /= below
            total += term
    return total


def _falling(c: FloatArray, a: FloatArray) -> FloatArray:
    """c/a + c(c-1)/a^2 + ..., which ends by itself at whole c: free(c, a) for a > c, a > 50. DLMF 8.11.2.

    At real c the terms change sign once c is used up, and are then below 1e-17: a > 50 sees to that.
    """
    total, term, left = np.zeros_like(c), np.ones_like(c), c.copy()
    while (np.abs(term) > _EPS * total).any():
        for _ in range(4):
            term *= left
            term /= a
            total += term
            left -= 1.0
    return total


@cache
def _temme_table() -> tuple[tuple[float, ...], ...]:
    """Coefficients d[n][k] of eta^n c^-k, less those that cannot matter for c >= 25 in the range NEAR. DLMF 8.12.8-12."""
    size = 44
    alpha = [Fraction(0), Fraction(1), Fraction(1, 3)]
    for s in range(3, size + 2):
        inner = sum((j * alpha[j] * alpha[s + 1 - j] for j in range(2, s)), Fraction(0))
        alpha.append((alpha[s - 1] - inner) / (s + 1))
    row = [Fraction(-1, 3)] + [(n + 2) * alpha[n + 2] for n in range(1, size)]
    first, gamma, rows = row, Fraction(1), []
    for k in range(11):
        rows.append([float(value) for value in row])
        gamma = Fraction(math.prod(range(1, 2 * k + 4, 2))) * alpha[2 * k + 3]  # Gamma*(c) ~ sum of gamma_k c^-k
        sign = -1 if k % 2 == 0 else 1
        row = [sign * gamma * first[n] + (n + 2) * row[n + 2] for n in range(len(row) - 2)]
    width = max(math.sqrt(2.0 * (x - 1.0 - math.log(x))) for x in NEAR)
    table = []
    for n in range(len(rows[-1])):
        column = [rows[k][n] for k in range(11)]
        while len(column) > 1 and abs(column[-1]) * width**n * SMALL ** (1 - len(column)) < 2e-17:
            column.pop()
        table.append(tuple(column))
    while len(table[-1]) == 1 and abs(table[-1][0]) * width ** (len(table) - 1) < 2e-17:
        table.pop()
    return tuple(table)


def _temme_sum(eta: FloatArray, c: FloatArray) -> FloatArray:
    """The sum over k of c_k(eta) c^-k, by Horner's rule in both."""
    u, least = 1.0 / c, float(c.min())
    table = _temme_table()
    total, inner = np.zeros_like(eta), np.empty_like(eta)
    for n in range(len(table) - 1, -1, -1):
        column = table[n]
        count = len(column)
        while count > 1 and abs(column[count - 1]) * least ** (1 - count) < 2e-17:
            count -= 1
        total *= eta
        if count < 2:
            total += column[0]
            continue
        np.multiply(u, column[count - 1], out=inner)
        inner += column[count - 2]
        for k in range(count - 3, -1, -1):
            inner *= u
            inner += column[k]
        total += inner
    return total


def _near(c: FloatArray, a: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(free, busy) for c >= 25 and load close to the servers. DLMF 8.12.3-4, divided by P(N = c)."""
    d = (a - c) / c
    exponent = c * gap(d, np.log(a / c))  # c eta^2 / 2
    z = np.sqrt(exponent)
    eta = np.copysign(z * np.sqrt(2.0 / c), d)
    gamma = np.exp(stirling(c))
    root = np.sqrt(c) * _ROOT_TWO_PI
    easy = 0.5 * root * special.erfcx(z) + np.copysign(1.0, d) * _temme_sum(eta, c)
    easy *= gamma
    hard = root * gamma * np.exp(exponent) - easy
    over = d >= 0
    return np.where(over, easy, hard), np.where(over, hard, easy)


def _small(c: FloatArray, a: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(free, busy) for c below 25 at any load."""
    inverse = np.exp(a + special.gammaln(c + 1.0) - special.xlogy(c, a))
    busy = _rising(c, np.minimum(a, c))
    free = inverse - busy
    at = np.flatnonzero((c < 1.0) | ((a > c) & (a <= 50.0)))
    if at.size:
        order, load = np.maximum(c[at], 1e-300), a[at]
        free[at] = np.where(c[at] > 0.0, special.gammaincc(order, load) * inverse[at], 0.0)
        busy[at] = np.where(load > c[at], special.gammainc(order, load) * inverse[at], busy[at])
    at = np.flatnonzero(a > 50.0)
    if at.size:
        free[at] = _falling(c[at], a[at])
        busy[at] = inverse[at] - free[at]
    return free, busy


def _below(c: FloatArray, a: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(free, busy) for c >= 25 and load far below."""
    busy = _rising(c, a)
    return np.exp(-log_poisson(c, a)) - busy, busy


def _below_free(c: FloatArray, a: FloatArray) -> tuple[FloatArray, FloatArray]:
    """As `_below`, but busy only where free needs it: mostly nowhere."""
    inverse = np.exp(-log_poisson(c, a))
    at = np.flatnonzero(inverse < 1e17)
    inverse[at] -= _rising(c[at], a[at], _EPS * inverse[at])
    return inverse, inverse


def _above(c: FloatArray, a: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(free, busy) for c >= 25 and load far above."""
    free = _falling(c, a)
    return free, np.exp(-log_poisson(c, a)) - free


Route = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]


def _piece(c: FloatArray, a: FloatArray, free: FloatArray, busy: FloatArray, below: Route) -> None:
    with np.errstate(all="ignore"):  # infinity is a value here, and every route is checked against 50 digits
        small = c < SMALL
        under, over = ~small & (a < NEAR[0] * c), ~small & (a > NEAR[1] * c)
        near = ~(small | under | over)
        wide = near & (c < 150.0)  # needs more of Temme's table
        routes = ((small, _small), (under, below), (over, _above), (wide, _near), (near & ~wide, _near))
        for where, route in routes:
            at = np.flatnonzero(where)
            if at.size:
                free[at], busy[at] = route(c[at], a[at])


def _ratios(c: FloatArray, a: FloatArray, below: Route) -> tuple[FloatArray, FloatArray]:
    shape = np.broadcast_shapes(np.shape(c), np.shape(a))
    c, a = (np.ascontiguousarray(np.broadcast_to(x, shape)).ravel() for x in (c, a))
    free, busy = np.empty(c.size), np.empty(c.size)
    starts = range(0, c.size, BLOCK)

    def work(start: int) -> None:
        cut = slice(start, start + BLOCK)
        _piece(c[cut], a[cut], free[cut], busy[cut], below)

    if len(starts) == 1:
        for start in starts:
            work(start)
    else:
        _temme_table()  # once, before the threads ask for it
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(work, starts))
    return free.reshape(shape), busy.reshape(shape)


def free_ratio(c: FloatArray, a: FloatArray) -> FloatArray:
    """P(N < c) / P(N = c): 0 at c = 0, infinite at a = 0 < c."""
    return _ratios(c, a, _below_free)[0]


def free_and_busy(c: FloatArray, a: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Both ratios: P(N < c) / P(N = c) and P(N >= c) / P(N = c)."""
    return _ratios(c, a, _below)


# ---- what the stations need on top ------------------------------------------------------------------


@cache
def _line_table() -> tuple[tuple[int, ...], ...]:
    """Coefficients of the polynomials b_k, k = 1 to 20: b_k = x(1-x) b'_(k-1) + (2k-1) x b_(k-1). DLMF 8.11.7-8."""
    row, rows = [1], []
    for k in range(1, 21):
        derived = [j * value for j, value in enumerate(row)]  # x b'
        row = [
            (derived[j] if j < len(row) else 0) - (derived[j - 1] if j else 0) + ((2 * k - 1) * row[j - 1] if j else 0)
            for j in range(len(row) + 1)
        ]
        rows.append(tuple(row))
    return tuple(rows)


def mean_line(c: FloatArray, a: FloatArray, busy: FloatArray) -> FloatArray:
    """Mean of j under the weights prod_(i=1..j) a/(c+i), j = 0, 1, ...: the mean line while all are busy, in Erlang A.

    G = sum of j w_j = c - (c-a) busy, an identity that cancels badly for a < c: there G comes from the sum itself, or
    by DLMF 8.11.6 without its first term. `busy` is busy(c, a), the sum of w_j.
    """
    shape = a.shape
    c, a, busy = c.ravel(), a.ravel(), busy.ravel()
    v = c / ((c - a) * (c - a))
    over = (a >= c) | ((a >= NEAR[0] * c) & (c >= SMALL) & (v > 0.01))
    series = ~over & (a >= NEAR[0] * c) & (c >= SMALL)
    result = (a - c) + c / busy
    at = np.flatnonzero(series)
    if at.size:
        rho, total = a[at] / c[at], np.zeros(at.size)
        for row in reversed(_line_table()):
            b = np.zeros(at.size)
            for value in reversed(row):
                b = b * rho + float(value)
            total = v[at] * (b - total)
        result[at] = c[at] * total / busy[at]
    at = np.flatnonzero(~over & ~series)
    if at.size:
        load, below = a[at], c[at].copy()
        term, total, j = np.ones(at.size), np.zeros(at.size), 0.0
        while (term > _EPS * total).any():
            j, below = j + 1.0, below + 1.0
            term *= load / below
            total += j * term
        result[at] = total / busy[at]
    return result.reshape(shape)


def cut_line(c: float, a: float, n: float) -> tuple[float, float, float, float, float]:
    """The weights of `mean_line` cut off at j = n: (w_0, sum of w_j below n, w_n, sum of w_j above 0, sum of j w_j).

    Summed outwards from the largest weight, which is 1, until they underflow.
    """
    mode = float(math.floor(min(max(a - c, 0.0), n)))
    places: list[FloatArray] = [np.array([mode])]
    weights: list[FloatArray] = [np.ones(1)]
    for sign, end in ((1.0, n), (-1.0, 0.0)):
        weight, at = 1.0, mode
        while weight > 1e-300 and at != end:
            j: FloatArray = at + sign * np.arange(1.0, min(4096.0, abs(end - at)) + 1.0)
            w = weight * np.asarray(np.cumprod(a / (c + j) if sign > 0 else (c + j + 1.0) / a), dtype=np.float64)
            places, weights = [*places, j], [*weights, w]
            weight, at = float(w[-1]), float(j[-1])
    j, w = np.concatenate(places), np.concatenate(weights)
    sums = (w[j == 0], w[j < n], w[j == n], w[j > 0], j * w)
    return tuple(float(x.sum()) for x in sums)  # type: ignore[return-value]


def geometric(r: FloatArray, delta: FloatArray, n: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(r^n, sum r^j over j < n, sum j r^(j-1) over j <= n) for r <= 1, delta = r - 1 exactly; n whole, finite.

    The closed forms (1 - r^n)/(1 - r) and (G - n r^n)/(1 - r) read 0/0 at r = 1: near it the second comes from its
    expansion in delta, sum_m delta^m [(m+1) C(n+1, m+2) + m C(n+1, m+1)], over r.
    """
    log = np.where(delta < -0.5, np.log(r), np.log1p(delta))
    power = np.where(n == 0, 1.0, np.exp(n * log))
    flat = delta == 0
    plain = np.where(n == 0, 0.0, np.where(flat, n, np.expm1(n * log) / delta))
    moment = (n * power - plain) / delta
    close = n * -delta < 1.0
    if close.any():
        factor, total = np.ones_like(n), np.zeros_like(n)
        binomial, beside = n * (n + 1.0) / 2.0, n + 1.0  # C(n+1, m+2) and C(n+1, m+1)
        for m in range(24):
            total += np.where(close, factor * ((m + 1) * binomial + m * beside), 0.0)
            binomial, beside = binomial * (n - m - 1.0) / (m + 3.0), binomial
            factor = factor * delta
        moment = np.where(close, total / np.where(n == 0, 1.0, r), moment)
    return power, plain, moment


def cut_wait(x: float, r: float, delta: float, n: float, flood: bool) -> float:
    """sum over j < n of r^j P(N_x <= j), N_x Poisson with mean x: the wait of those let in to n places, unnormalised.

    As a sum over the Poisson law itself all terms are positive: sum_m P(N_y = m) sum_(j<n-m) r^j, times e^-(1-r)x with
    y = r x. With `flood` (more arrivals than service) r is the inverse load and the sum is of r^(n-1-j) P(N_x <= j): y = x.
    """
    y = x if flood else x * r
    mode = min(n - 1.0, math.floor(y))
    width = math.ceil(9.0 * math.sqrt(min(y, n))) + 45.0
    # Every integer; beyond a million of them the law is so smooth that every `stride`-th will do (right to 1e-10).
    stride = max(1.0, math.floor(width / 1e6))
    first, last = n - min(n - 1.0, mode + width), n - max(0.0, mode - width)
    m = n - stride * np.arange(max(1.0, math.floor(first / stride)), math.floor(last / stride) + 1.0)
    plain = geometric(np.full_like(m, r), np.full_like(m, delta), n - m)[1]
    logs = log_poisson(m, np.full_like(m, y))
    return stride * float((np.exp(logs if flood else logs + delta * x) * plain).sum())
