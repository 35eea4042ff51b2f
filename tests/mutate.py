"""Mutation check: are the tests able to notice a wrong formula? `python tests/mutate.py [module ...]`

Changes one operator, constant, comparison, condition or sign of the numbers floor at a time, in a copy of the project,
and runs that module's tests, the quickest first. A mutant that no test notices has survived: either a test is missing,
or the mutant is equivalent, which `EQUIVALENT` explains. `tests/mutation.md` has the last results.

Not formulas, so left alone: text (messages, docstrings, functions that return `str`, and what a branch that ends in
`raise` looks up for its message; the condition of that branch is changed), annotations, imports, the ends of a slider.

Not a part of `make test`: it takes half an hour. Needs `os.fork`.
"""

import argparse
import ast
import contextlib
import copy
import io
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).resolve().parent.parent
PLAIN = {"pieces", "policies", "step"}
"""Modules that are compiled: their mutants run as plain Python, or every one would wait for the compiler."""
TESTS = {
    "parameters": "test_parameters test_retries",
    "demand": "test_demand",
    "scenario": "test_parameters test_usl",
    "usl": "test_usl test_usl_fit",
    "fluid": "test_fluid",
    "erlang": "test_erlang_reference test_erlang",
    "erlang_kernels": "test_erlang_reference test_erlang",
    "abandonment": "test_erlang_reference test_erlang",
    "staffing": "test_erlang",
    "pieces": "test_pieces test_limits",
    "policies": "test_policy_laws",
    "step": "test_limits test_policies",
    "compiler": "test_engine",
    "engine": "test_engine test_outcome",
    "drop": "test_parameters test_limits test_engine test_outcome",
    "outcome": "test_outcome test_cost test_door",
    "door": "test_door",
    "quantiles": "test_quantiles",
    "cost": "test_cost",
    "scorecard": "test_scorecard",
    "sweeps": "test_sweeps",
    "retries": "test_retries",
}
"""The test files that must notice, beside the module's own doctests."""

EQUIVALENT: dict[str, str] = {
    "policies: p.warm_workers >= p.workers -> p.warm_workers > p.workers": "as many warm as there are: both ways, all",
    "pieces: x < 1e-08 -> x < 1.1000000000000001e-08": "near the threshold series and formula agree to rounding",
    "pieces: steps + 1 -> steps + 2": "one place of scratch memory that nobody reads",
    "door: quantiles.of_distribution(reached, highest[:, np.newaxis], q, halvings=40) -> "
    "quantiles.of_distribution(reached, highest[:, np.newaxis], q, halvings=39)": "an answer right to 1e-10 s instead of 5e-11",
    "drop: np.arange(arrivals[..., 0].size) -> np.arange(arrivals[..., 1].size)": "every step has as many scenarios",
    "drop: np.zeros((int(np.prod(shape)), 0)) -> np.zeros((int(np.prod(shape)), 1))": "a brownout of no length changes nothing",
    "engine: 8 * workers -> 7 * workers": "blocks a little larger: the same numbers",
    "quantiles: len(counts) - 1 -> len(counts) - 0": "a guard: with q <= 1 the search never passes the last bin",
    "quantiles: call >= timeout -> call > timeout": "one instant of a continuous time",
    "quantiles: 60.0 * error_time -> 66.0 * error_time": "upper end of a bisection: 40 would do",
    "quantiles: 60.0 * response -> 66.0 * response": "upper end of a bisection: 40 would do",
    "quantiles: bin_ > 0 -> bin_ >= 0": "the first bin is read as 0 in the line after",
    "demand: width > 0 -> width >= 0": "an interval of no width is never entered: nobody arrives in it",
    "retries: np.arange(20) -> np.arange(21)": "there are at most 20 attempts",
    "parameters: if inside and (not row.flag) and (value.is_integer() or not row.whole) -> "
    "if inside and (not row.flag) and (value.is_integer() and (not row.whole))": "fewer values take the short way to one answer",
    "parameters: np.floor(array) -> np.ceil(array)": "a whole number is either, and nothing else is",
    "usl: exact = {'bounds': (low, high), 'method': 'dogbox', 'ftol': 1e-15, 'xtol': 1e-15, 'gtol': 1e-15, 'max_nfev': 2000} -> "
    "exact = {'bounds': (low, high), 'method': 'dogbox', 'ftol': 1e-15, 'xtol': 1e-15, 'gtol': 1e-15, 'max_nfev': 2001}": "gives "
    "up a step later",
    "usl: p < 1e-10 -> p <= 1e-10": "one point of a continuum",
    "usl: p > (1.0 - 1e-10) * high -> p >= (1.0 - 1e-10) * high": "one point of a continuum",
    "drop: _common_shape({**fields, 'demand.rate': demand.rate[..., 0]}, gateway) -> "
    "_common_shape({**fields, 'demand.rate': demand.rate[..., 1]}, gateway)": "every knot has as many scenarios, and there are two",
    "outcome: SERIES = {**FLOWS, **LEVELS, 'accept_latency': (-1, 's')} -> "
    "SERIES = {**FLOWS, **LEVELS, 'accept_latency': (-0, 's')}": "holds the place of an index that nobody reads",
    "outcome: np.diff(values, axis=-1, prepend=0.0) -> np.diff(values, axis=+1, prepend=0.0)": "of two axes, the last is 1",
    "outcome: np.maximum(time * (yes + (1.0 - yes) * cost), 1e-09) -> "
    "np.maximum(time * (yes + (1.0 - yes) * cost), 1.1000000000000001e-09)": "stands for anything above 0",
    "outcome: np.diff(series[i], prepend=0.0) -> np.diff(series[i], prepend=1.0)": "at the start: nobody yet, or one fewer",
    "outcome: np.maximum(requests, 1e-300) -> np.maximum(requests, 1.1000000000000002e-300)": "stands for anything above 0",
    "door: over > 0.0 -> over >= 0.0": "the share who take longer than no time is 1 by either branch",
    "quantiles: np.maximum(below[bin_] - before, 1e-300) -> np.maximum(below[bin_] - before, 1.1000000000000002e-300)": "stands "
    "for anything above 0",
    "quantiles: np.broadcast_to(highest, (*np.shape(highest)[:-1], q.size)) -> "
    "np.broadcast_to(highest, (*np.shape(highest)[:+1], q.size))": "of two axes or none, all but the last are the first",
    "retries: Parameter('retries', 'failure', 'p', 'share', 0.0, 0.0, 1.0, 'share of calls that fail', Slider(0, 1, 0.05)) -> "
    "Parameter('retries', 'failure', 'p', 'share', 1.0, 0.0, 1.0, 'share of calls that fail', Slider(0, 1, 0.05))": "the default of "
    "an argument that must be given",
    "step: recovered_present = 0.0 -> recovered_present = 1.0": "set again, for who is 0, before it is read",
    "step: p.retry_budget < math.inf -> p.retry_budget <= math.inf": "an infinite budget refuses no retry",
    "step: range(1, attempts) -> range(0, attempts)": "a pause before the first attempt, which nobody reads",
    "step: max(middle, 0.0) -> max(middle, 1.0)": "up to one call, a call is alone: the same response time",
    "step: min(p.breaker_threshold, p.aimd_target, p.retry_budget) < math.inf -> "
    "min(p.breaker_threshold, p.aimd_target, p.retry_budget) <= math.inf": "learns what no policy then asks for",
    "fluid: flow.T.reshape(per_step[0].shape) -> flow.T.reshape(per_step[1].shape)": "all have been broadcast to one shape",
    "fluid: joined - left <= rounding -> joined - left < rounding": "one point of a continuum; where both are 0, the gap is 0 too",
    "staffing: SURE = 1e-12 -> SURE = 1.1000000000000002e-12": "the size of a rounding error, not of a law",
    "staffing: _NEVER, _ALMOST = (1e-300, 1.0 - 1e-15) -> _NEVER, _ALMOST = (1.1000000000000002e-300, 1.0 - 1e-15)": "stands for "
    "any share above 0",
    "staffing: np.ceil(np.sqrt(load)) -> np.floor(np.sqrt(load))": "the first step of a search that doubles it",
    "staffing: high - low -> high + low": "one more halving of what cannot be halved",
    "staffing: high[at] - low[at] > 1.0 -> high[at] - low[at] > 1.1": "the difference of two whole numbers",
    "erlang_kernels: np.where(close, d, 0.0) -> np.where(close, d, 1.0)": "in the place of numbers that take the other route",
    "erlang_kernels: len(starts) == 1 -> len(starts) != 1": "with threads or without: the same values",
    "erlang_kernels: len(starts) == 1 -> len(starts) == 0": "with threads or without: the same values",
    "compiler: digest = hashlib.sha256(b''.join((source.read_bytes() for source in sources))).hexdigest()[:12] -> "
    "digest = hashlib.sha256(b''.join((source.read_bytes() for source in sources))).hexdigest()[:11]": "a name one digit shorter",
    "compiler: digest = hashlib.sha256(b''.join((source.read_bytes() for source in sources))).hexdigest()[:12] -> "
    "digest = hashlib.sha256(b''.join((source.read_bytes() for source in sources))).hexdigest()[:13]": "a name one digit longer",
}
"""Survivors that change nothing a test could see: "module: before -> after", and why."""

SWAPPED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.And: ast.Or, ast.Or: ast.And, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum", "floor": "ceil", "ceil": "floor"}
UNTOUCHED = (ast.Raise, ast.JoinedStr, ast.arg, ast.Import, ast.ImportFrom)
"""Messages, annotations and imports are no formulas."""


# ---- mutants -----------------------------------------------------------------------------------------------------


def changes(node):
    """Ways to spoil one node in place."""
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in SWAPPED:
        yield lambda n: setattr(n, "op", SWAPPED[type(n.op)]())
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPPED:
        yield lambda n: n.ops.__setitem__(0, SWAPPED[type(n.ops[0])]())
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield lambda n: setattr(n, "value", n.value + 1 if type(n.value) is int else n.value * 1.1 or 1.0)
        if type(node.value) is int and node.value > 0:
            yield lambda n: setattr(n, "value", n.value - 1)
    if isinstance(node, ast.Name) and node.id in NAMES:
        yield lambda n: setattr(n, "id", NAMES[n.id])
    if isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield lambda n: setattr(n, "attr", NAMES[n.attr])
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        yield lambda n: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield lambda n: setattr(n, "op", ast.UAdd())


def is_text(node):
    """Whether an expression makes a string, as far as its form tells."""
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            return True
        case ast.BinOp(op=ast.Add()):
            return is_text(node.left) or is_text(node.right)
        case ast.IfExp():
            return is_text(node.body) and is_text(node.orelse)
    return False


def is_formula(node):
    """Not what the module's docstring leaves alone."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.Call(func=ast.Name(id="Slider")):
            return False
        case ast.FunctionDef(returns=ast.Name(id="str")) | ast.keyword(arg="doc"):
            return False
    return not isinstance(node, UNTOUCHED) and not is_text(node)


def sites(tree):
    """(node, the statement or expression to show for it) wherever a formula may stand."""

    def walk(node, shown):
        if not is_formula(node):
            return
        if isinstance(node, ast.stmt | ast.BinOp | ast.Compare | ast.Call):
            shown = node
        yield node, shown
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list", "type_params"):
                continue
            if isinstance(node, ast.If) and field == "body" and isinstance(value[-1], ast.Raise):
                continue  # what it says goes into the message
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from walk(child, shown)

    yield from walk(tree, tree)


def text(node):
    """One line: of a compound statement, its head."""
    return ast.unparse(node).split("\n")[0].strip().rstrip(":")


def find(module, root):
    """The file of a module: no two have the same name."""
    (path,) = (root / "flashsale_lib").rglob(f"{module}.py")
    return path


def sample(module, most, seed, root=ROOT):
    """How many mutants there are, and up to `most` of them: always the same ones for one seed and one text.

    Each is (line, before, after, spoiled source).
    """
    tree = ast.parse(find(module, root).read_text(encoding="utf-8"))
    every = [(i, way) for i, (node, _) in enumerate(sites(tree)) for way in range(len(list(changes(node))))]
    return len(every), [
        spoil(tree, i, way) for i, way in random.Random(f"{seed} {module}").sample(every, min(most, len(every)))
    ]


def spoil(tree, i, way):
    spoiled = copy.deepcopy(tree)
    node, shown = next(itertools.islice(sites(spoiled), i, None))
    before = text(shown)
    list(changes(node))[way](node)
    ast.fix_missing_locations(spoiled)
    return getattr(node, "lineno", 0), before, text(shown), ast.unparse(spoiled)


# ---- running -----------------------------------------------------------------------------------------------------


def workplace(folder):
    """A copy of the project in which mutants may be put."""
    skip = shutil.ignore_patterns("screenshots", "browser", "__pycache__")
    for name in ("flashsale_lib", "tests", "data"):
        shutil.copytree(ROOT / name, folder / name, ignore=skip)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "notebooks").symlink_to(ROOT / "notebooks")
    return folder


class QuickestFirst:
    """Pytest plugin: the quickest tests first, as a first run without it measured; a test that hangs is ended."""

    def __init__(self, file):
        self.file = Path(file)
        self.known = json.loads(self.file.read_text(encoding="utf-8")) if self.file.exists() else None
        self.seconds = {}

    def pytest_collection_modifyitems(self, items):
        if self.known:
            items.sort(key=lambda item: self.known.get(item.nodeid, 0.0))

    def pytest_runtest_logstart(self, nodeid):
        if self.known:
            signal.alarm(int(20 + 10 * self.known.get(nodeid, 0.0)))  # unhandled, it ends the process

    def pytest_runtest_logfinish(self, nodeid):
        signal.alarm(0)

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration

    def pytest_sessionfinish(self, exitstatus):
        if self.known is None and exitstatus == 0:
            self.file.write_text(json.dumps(self.seconds), encoding="utf-8")


def serve():
    """Runs pytest in forks of a process that has already imported whatever is slow to import. One line in, one out."""
    import hypothesis
    import numba
    import pandas
    import pytest
    import scipy.integrate
    import scipy.optimize
    import scipy.stats
    import tqdm.auto  # noqa: F401

    folder = Path.cwd()
    sys.path[:0] = [str(folder), str(folder / "tests")]
    hypothesis.settings.register_profile("mutants", phases=[hypothesis.Phase.generate], deadline=None)  # no shrinking
    hypothesis.settings.load_profile("mutants")
    del numba, pandas, scipy
    for line in sys.stdin:
        limit, compiled, durations, *files = line.split()
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            os.setsid()
            silent = os.open(os.environ.get("MUTATE_LOG", os.devnull), os.O_RDWR | os.O_CREAT | os.O_APPEND)
            for stream in (0, 1, 2):
                os.dup2(silent, stream)
            os.environ["FLASHSALE_COMPILE"] = compiled
            options = [
                "-x",
                "-q",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:xdist",
                "-p",
                "no:cov",
                "-W",
                "ignore::pytest.PytestAssertRewriteWarning",
            ]
            os._exit(int(pytest.main([*options, *files], plugins=[QuickestFirst(durations)])))
        until, done = time.monotonic() + float(limit), 0
        while not done and time.monotonic() < until:
            done, status = os.waitpid(child, os.WNOHANG)
            time.sleep(0.02)
        if not done:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
        elif os.waitstatus_to_exitcode(status) < 0:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)  # what it had started
        print(os.waitstatus_to_exitcode(status) if done else "late", flush=True)


class Worker:
    """One copy of the project, and the process that runs tests there."""

    def __init__(self, folder):
        self.folder = workplace(folder)
        environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), "--serve"],
            cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, module, source, limit):
        """What pytest says with `source` as the module: 0 (nothing noticed), 1 and more, or "late"."""
        path = find(module, self.folder)
        kept, when = path.read_text(encoding="utf-8"), path.stat()
        files = [path.relative_to(self.folder), *(f"tests/{name}.py" for name in TESTS[module].split())]
        try:
            if source is not None:
                path.write_text(source, encoding="utf-8")
            durations = self.folder.parent / f"{module}.json"
            print(limit, 0 if module in PLAIN else 1, durations, *files, file=self.process.stdin, flush=True)
            return self.process.stdout.readline().strip()
        finally:
            path.write_text(kept, encoding="utf-8")
            os.utime(path, ns=(when.st_atime_ns, when.st_mtime_ns))  # as far as numba's cache is concerned, unchanged


def check(modules, most, seed, jobs, out):
    """Try them all; print a line per module and one per survivor. Returns how many survivors nobody explains."""
    folder = Path(tempfile.mkdtemp(prefix="flashsale-mutants-"))
    workers = Queue()
    for i in range(jobs):
        workers.put(Worker(folder / str(i)))
    copied = folder / "0"  # whatever happens to the original meanwhile
    limits = {}

    def one(module, source):
        worker = workers.get()
        try:
            return worker.run(module, source, limits.get(module, 600))
        finally:
            workers.put(worker)

    unexplained = caught_all = tried_all = explained_all = 0
    with ThreadPoolExecutor(jobs) as pool:
        for module in modules:
            start = time.monotonic()
            if one(module, None) != "0":
                print(f"{module}: its tests fail as it stands ({TESTS[module]})", file=out, flush=True)
                unexplained += 1
                continue
            limits[module] = 10 + 4 * (time.monotonic() - start)
            there, tried = sample(module, most, seed, copied)
            answers = list(pool.map(lambda mutant, m=module: one(m, mutant[3]), tried))
            survived = [m for m, answer in zip(tried, answers, strict=True) if answer == "0"]
            explained = [m for m in survived if f"{module}: {m[1]} -> {m[2]}" in EQUIVALENT]
            caught = len(tried) - len(survived)
            print(
                f"{module:15} {caught:3} of {len(tried):3} caught ({caught / max(len(tried), 1):.0%}), of {there} possible; "
                f"{len(explained)} of {len(survived)} survivors explained; {time.monotonic() - start:.0f} s",
                file=out, flush=True,
            )  # fmt: skip
            for mutant in sorted(survived):
                line, before, after, _ = mutant
                why = EQUIVALENT.get(f"{module}: {before} -> {after}", "NOT EXPLAINED")
                print(f"    {module}.py:{line}: {before} -> {after}\n        {why}", file=out, flush=True)
            caught_all, tried_all = caught_all + caught, tried_all + len(tried)
            explained_all, unexplained = explained_all + len(explained), unexplained + len(survived) - len(explained)
    while not workers.empty():
        worker = workers.get()
        worker.process.stdin.close()
        worker.process.wait()
    shutil.rmtree(folder)
    print(
        f"{caught_all} of {tried_all} mutants caught ({caught_all / max(tried_all, 1):.1%}); of the others "
        f"{explained_all} are equivalent and {unexplained} are not explained.",
        file=out, flush=True,
    )  # fmt: skip
    return caught_all, tried_all - explained_all


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("modules", nargs="*", metavar="module", help=", ".join(TESTS))
    parser.add_argument("--most", type=int, default=30, help="mutants per module")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        return serve()
    out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", write_through=True)
    caught, of = check(given.modules or list(TESTS), given.most, given.seed, given.jobs, out)
    return caught < 0.95 * of


if __name__ == "__main__":
    sys.exit(main())
