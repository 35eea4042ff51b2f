"""Speed and accuracy of a million Erlang C pairs: `python tests/bench_erlang.py` (add --strict for an exit code).

The bar: at most 0.2 s at a relative error of at most 1e-12, c uniform on 1..1000, load per server uniform on 0.05..0.995. The
same pairs through scipy.special.gammaincc show what this machine does today, and what that route loses.
"""

import os
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy import special

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from flashsale_lib.formulas.abandonment import erlang_a
from flashsale_lib.formulas.erlang import erlang_c

PAIRS, BAR, ERROR = 1_000_000, 0.2, 1e-12


def seconds(work, repeats=7):
    """(median, best) time of `work()`, after one run to warm up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2], min(times)


def exact(c, load):
    """Erlang C in exact fractions, rounded once: 1/B = sum over k of c!/(c-k)! a^-k."""
    load, term, total = Fraction(load), Fraction(1), Fraction(1)
    for k in range(c, 0, -1):
        term *= k / load
        total += term
    return float(1 / (total - load / c * (total - 1)))


def gammaincc_route(c, load):
    blocked = np.exp(special.xlogy(c, load) - load - special.gammaln(c + 1.0)) / special.gammaincc(c + 1.0, load)
    return blocked / (1.0 - load / c * (1.0 - blocked))


def worst(values, truth):
    seen = truth > 1e-290
    return float(np.max(np.abs(values[seen] / truth[seen] - 1.0)))


def main():
    rng = np.random.default_rng(1)
    c = rng.integers(1, 1001, PAIRS)
    load = c * rng.uniform(0.05, 0.995, PAIRS)
    median, best = seconds(lambda: erlang_c(c, load))
    theirs, theirs_best = seconds(lambda: gammaincc_route(c.astype(float), load))
    sample = rng.choice(np.flatnonzero(c <= 400), 150, replace=False)
    truth = np.array([exact(int(c[i]), float(load[i])) for i in sample])
    error = worst(erlang_c(c[sample], load[sample]), truth)
    their_error = worst(gammaincc_route(c[sample].astype(float), load[sample]), truth)
    passed = best <= BAR and error <= ERROR
    print(f"{os.cpu_count()} cores, {os.getloadavg()[0]:.1f} busy on average over the last minute; times are wall time")
    print(f"erlang_c       {median:.3f} s per million pairs (best {best:.3f}), error {error:.1e}; no compiler")
    print(f"gammaincc form {theirs:.3f} s per million pairs (best {theirs_best:.3f}), error {their_error:.1e}")
    print(f"{'PASS' if passed else 'FAIL'}: at most {BAR} s (best of 7) at {ERROR:g}")
    one, _ = seconds(lambda: erlang_c(132, 123.0), 50)
    sale, _ = seconds(lambda: erlang_a(2000.0, 2.5, 50, 30.0), 50)
    big, _ = seconds(lambda: erlang_a(1e6, 1.0, 1_000_000, 2.0), 50)
    print(
        f"one erlang_c {1e6 * one:.0f} us; one erlang_a: flash sale {1e6 * sale:.0f} us, a million servers {1e6 * big:.0f} us"
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main() if "--strict" in sys.argv else main() and 0)
