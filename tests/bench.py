"""`make bench`: how fast the engine, the import and the first picture are, each against its bar. Not a test."""

import ctypes
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "notebooks" / "00_the_drop.ipynb"
DESIGNS = 2000
TOTALS = (  # as bench_step.c numbers them
    "PAID PAID_LATE DECLINED TURNED_AWAY GAVE_UP DEAD_LETTERED ARRIVED OFFERED ADMITTED CALLS REFUSED TIMED_OUT ERRORS "
    "RELOADING QUEUED AT_GATEWAY RECOVERING IN_FLIGHT RESPONSE_TIME TOKENS DOOR_LOAD DOOR_DELAY"
).split()


def bar(what, value, unit, limit=None, more=False):
    verdict = "" if limit is None else ("PASS" if (value >= limit if more else value < limit) else "FAIL")
    bound = "" if limit is None else f"{'at least' if more else 'under'} {limit:g} {unit}"
    print(f"{what:<52} {value:>10.3g} {unit:<14} {bound:<28} {verdict}", flush=True)


def clock(work, times):
    """Median of many in ms, after one that does not count: by the clock on the wall, and by the processor's."""
    work()
    taken = []
    for _ in range(times):
        start, busy = time.perf_counter(), time.process_time()
        work()
        taken.append((time.perf_counter() - start, time.process_time() - busy))
    return [1e3 * statistics.median(column) for column in zip(*taken, strict=True)]


def one_drop():
    import flashsale_lib as fs

    # "compiled" must be compiled: compiled=True raises where numba is missing.
    for what, options, times, limit in [
        ("compiled", dict(compiled=True), 200, 2),
        ("compiled, totals only", dict(compiled=True, record=False), 200, None),
        ("plain Python", dict(compiled=False), 15, 150),
    ]:
        wall, processor = clock(lambda options=options: fs.simulate(**options), times)
        bar(f"one default drop, {what}", wall, "ms", limit)
        if wall > 1.1 * processor:
            print(f"  (the machine is busy: {processor:.3g} ms of processor time)")


def designs():
    import flashsale_lib as fs

    random = np.random.default_rng(12)
    return fs.Design(
        workers=random.uniform(20, 600, DESIGNS).round(),
        queue_limit=random.choice([500, 5000, 20_000, np.inf], DESIGNS),
        admit_rate=random.choice([40, 80, 120, np.inf], DESIGNS),
        attempts=random.integers(1, 6, DESIGNS),
    )


def by_hand():
    """`bench_step.c`, compiled now: (rows, from, to, outputs) -> None. None without a C compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        return None
    folder = Path(tempfile.mkdtemp())
    library = folder / "step.so"
    source = ROOT / "tests" / "bench_step.c"
    flags = ["-O3", "-march=native", "-fno-math-errno", "-shared", "-fPIC"]
    subprocess.run([compiler, *flags, "-o", library, source, "-lm"], check=True)
    function = ctypes.CDLL(str(library)).play_many
    pointer, whole, real = ctypes.c_void_p, ctypes.c_long, ctypes.c_double
    function.argtypes = [pointer, whole, whole, pointer, whole, real, *[pointer] * 5, ctypes.c_int]
    function.restype = None
    return function


def rows_of(design):
    import flashsale_lib as fs

    parts = (fs.Buyers(), fs.PaymentGateway(), design)
    known = (ROOT / "tests" / "bench_step.c").read_text().lower().split("enum {")[1].split("parameters }")[0]
    names = [name.strip() for name in known.split(",") if name.strip()]
    columns = [next(getattr(part, name) for part in parts if hasattr(part, name)) for name in names]
    return np.ascontiguousarray(np.stack(np.broadcast_arrays(*columns), axis=1), dtype=np.float64)


def sweep():
    import flashsale_lib as fs
    from flashsale_lib.model import engine, step

    design, demand = designs(), fs.Demand.drop()
    arrivals, dt = demand.arrivals(0.25)
    steps = arrivals.size * DESIGNS
    edges = engine.wait_edges(arrivals.size * dt)
    rows, function = rows_of(design), by_hand()
    if function is None:  # then against the bare compiled loop, without the library around it
        print("no gcc: the yardstick is the compiled loop called directly")

    def hand_loop(threads):
        totals, peaks = np.zeros((DESIGNS, len(TOTALS))), np.zeros((DESIGNS, step.PEAKS))
        waits = np.zeros((DESIGNS, engine.WAIT_BINS), np.float32)
        accepts = np.zeros((DESIGNS, step.LOAD_BINS + engine.WAIT_BINS), np.float32)
        cuts = np.linspace(0, DESIGNS, 8 * threads + 1).astype(int)
        outputs = (totals, peaks, waits, accepts, edges)

        def part(ends):
            pointers = [a.ctypes.data for a in outputs]
            function(
                rows.ctypes.data, *map(int, ends), arrivals.ctypes.data, arrivals.size, dt, *pointers, engine.WAIT_BINS
            )

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(part, pairwise(cuts)))
        named = np.zeros((DESIGNS, step.FIELDS))
        for column, name in enumerate(TOTALS):
            named[:, getattr(step, name)] = totals[:, column]
        return named, peaks, waits

    def plain_loop(threads):
        scenarios = np.recarray(
            DESIGNS, dtype=[(r.name, float) for o in ("design", "buyers", "gateway") for r in fs.parameters(o)]
        )
        for part in (design, fs.Buyers(), fs.PaymentGateway()):
            for row in fs.parameters(part._owner):
                scenarios[row.name] = getattr(part, row.name)
        out = [np.zeros((DESIGNS, n)) for n in (step.FIELDS, step.PEAKS)]
        out += [np.zeros((DESIGNS, n), np.float32) for n in (engine.WAIT_BINS, step.LOAD_BINS + engine.WAIT_BINS)]
        none, series = np.zeros((DESIGNS, 0)), np.zeros((DESIGNS, 0, arrivals.size + 1))
        which, run = np.zeros(DESIGNS, int), engine.compiled()
        cuts = np.linspace(0, DESIGNS, 8 * threads + 1).astype(int)

        def part(ends):
            run(scenarios, *ends, arrivals[None], which, dt, none, none, none, *out, edges, series)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(part, pairwise(cuts)))
        return out

    yardstick = hand_loop if function else plain_loop
    name = "C" if function else "plain numba"

    def library(threads):
        true_count, os.cpu_count = os.cpu_count, lambda: threads  # the engine asks how many cores there are
        try:
            return fs.simulate(design, record=False)
        finally:
            os.cpu_count = true_count

    ours, theirs = library(1), yardstick(1)
    shared = [getattr(step, name) for name in TOTALS]
    assert np.allclose(ours.totals[:, shared], theirs[0][:, shared], rtol=1e-6, atol=1e-6 * demand.total), (
        "totals differ from the yardstick"
    )
    assert np.allclose(ours.peaks, theirs[1], rtol=1e-6, atol=1e-6 * demand.total), "peaks differ from the yardstick"
    assert np.allclose(ours.waits.sum(1), theirs[2].sum(1), rtol=1e-5, atol=1e-3), "waits differ from the yardstick"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    for threads in sorted({1, cores}):
        # In turns, so that whatever else the machine does meets both; the ratio of each pair, then the median.
        pairs = []
        for _ in range(7):
            start = time.perf_counter()
            library(threads)
            middle = time.perf_counter()
            yardstick(threads)
            pairs.append((steps / (middle - start), steps / (time.perf_counter() - middle)))
        mine, other = np.max(pairs, axis=0)
        ratio = float(np.median([a / b for a, b in pairs]))
        where = f"{threads} core{'s' if threads > 1 else ''}"
        bar(f"sweep of {DESIGNS} designs, {where}", mine / 1e6, "M steps/s")
        bar(f"  {name} by hand, {where}", other / 1e6, "M steps/s")
        bar(f"  ratio, {where}", ratio, "", 0.8, more=True)
        if threads == 1:
            alone = mine, other
        else:
            # Where others use the machine even the yardstick does not gain: then there is nothing to judge.
            idle = other / alone[1] > 0.75 * threads
            bar(
                f"  gain of {threads} cores over one",
                mine / alone[0],
                "times",
                0.75 * threads if idle else None,
                more=True,
            )
            bar(f"  {name} by hand gains{'' if idle else ' (the machine is busy)'}", other / alone[1], "times")


HEAVY = ["matplotlib", "ipywidgets", "simpy", "numba", "pandas", "scipy"]


def import_time():
    code = (
        "import time; t = time.perf_counter(); import flashsale_lib; t = time.perf_counter() - t; "
        f"import sys, json; print(json.dumps([t, [m for m in {HEAVY} if m in sys.modules]]))"
    )
    runs = [json.loads(subprocess.check_output([sys.executable, "-c", code], cwd=ROOT)) for _ in range(7)]
    bar("import flashsale_lib, warm", min(seconds for seconds, _ in runs), "s", 0.5)
    loaded = runs[0][1]
    banned = [module for module in loaded if module in HEAVY[:3]]
    print(f"  heavy modules it loads: {', '.join(loaded) or 'none'}   {'FAIL' if banned else 'PASS'}")


def first_picture():
    if not NOTEBOOK.exists():
        print(f"first picture: skipped, there is no {NOTEBOOK.name} yet")
        return
    try:
        import nbformat
        from nbclient import NotebookClient
    except ImportError:
        print("first picture: skipped, nbclient is not installed")
        return

    def run():
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOK.parent)}})
        start = time.perf_counter()
        with client.setup_kernel():
            for index, cell in enumerate(notebook.cells):
                if cell.cell_type != "code":
                    continue
                client.execute_cell(cell, index)
                if any("image/png" in output.get("data", {}) for output in cell.outputs):
                    return time.perf_counter() - start
        return float("nan")

    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    bar("kernel start to first picture of notebook 00", min(run() for _ in range(3)), "s")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    print(
        f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        if hasattr(os, "getloadavg")
        else ""
    )
    one_drop()
    sweep()
    import_time()
    first_picture()
