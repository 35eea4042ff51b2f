"""Sweeps: the same table whoever plays it, whatever dies or is interrupted on the way."""

import contextlib
import dataclasses
import math
import os
import pickle
import re
import signal
import subprocess
import sys
import time
import tracemalloc
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import numpy as np
import pandas as pd
import pytest
from helpers import PLACES, steady

import flashsale_lib as fs
from flashsale_lib.decisions import scorecard, sweeps

INF = math.inf
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has only SIGTERM, which kills there
DESIGNS = fs.sample(
    60, seed=3, workers=(10, 800), queue_limit=(100, 20_000), attempts=(1, 4), skip_stale=(0, 1), patience=(30, 600),
    decline_rate=(0, 0.3),
)  # fmt: skip
"""Sixty designs over fields of `Design`, `Buyers` and `PaymentGateway`."""
CHUNK = 7
"""Nine jobs; the last one is short."""
QUICK = dict(demand=steady(50, 60), progress=False)
"""A minute instead of a drop, where only the book-keeping matters."""


def same(table, expected):
    """Not a digit differs: chunks are the same, so each is the same computation wherever it runs."""
    pd.testing.assert_frame_equal(table, expected, check_exact=True)


class Hook:
    """In the place of the progress bar: does something after each chunk."""

    def __init__(self, monkeypatch, after_chunk):
        self.chunks = 0
        self.after_chunk = after_chunk
        monkeypatch.setattr(sweeps, "_bar", lambda size, progress: contextlib.nullcontext(self))

    def update(self, n):
        self.chunks += 1
        self.after_chunk(self.chunks)


class Plays:
    """Counts the jobs that are played in this process."""

    def __init__(self, monkeypatch):
        self.count = 0
        simulate = sweeps.simulate

        def counting(*args, **kwargs):
            self.count += 1
            return simulate(*args, **kwargs)

        monkeypatch.setattr(sweeps, "simulate", counting)


def interrupt_after(chunks):
    def after_chunk(done):
        if done == chunks:
            raise KeyboardInterrupt

    return after_chunk


@pytest.fixture(scope="module")
def expected():
    return fs.sweep(DESIGNS, chunk=CHUNK, progress=False)


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Two Dask worker processes on this machine, with nannies that restart them."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        silence_logs="CRITICAL",
        local_directory=tmp_path_factory.mktemp("dask"),
    ) as cluster, distributed.Client(cluster) as client:  # fmt: skip
        yield client


# --- designs ------------------------------------------------------------------------------------------------------


def test_a_grid_is_every_combination():
    columns = fs.grid(workers=[80, 160], attempts=(1, 2, 3), timeout=np.array([5.0, INF]))
    rows = list(columns.itertuples(index=False, name=None))
    assert list(columns) == ["workers", "attempts", "timeout"]
    assert rows == [(w, a, t) for w in (80, 160) for a in (1, 2, 3) for t in (5, INF)], "the last one changes first"
    assert (columns.dtypes == np.float64).all()
    assert fs.grid(workers=80, attempts=[1, 3])["workers"].tolist() == [80, 80], (
        "a single value may go without brackets"
    )
    assert len(fs.grid(workers=[])) == 0 and fs.grid().empty
    with pytest.raises(fs.ParameterError, match=r"the grid has a value that is not a number: .*'many'"):
        fs.grid(workers=["many"])


def test_a_dict_is_played_in_every_combination():
    """The contract: a product grid."""
    table = fs.sweep(dict(workers=[80, 160], attempts=[1, 3, 5]), **QUICK)
    assert table[["workers", "attempts"]].equals(fs.grid(workers=[80, 160], attempts=[1, 3, 5]))


def test_a_sample_is_seeded():
    ranges = dict(workers=(10, 800), queue_limit=(100, 20_000))
    one, two, other = fs.sample(50, seed=5, **ranges), fs.sample(50, seed=5, **ranges), fs.sample(50, seed=6, **ranges)
    for name in ranges:
        assert one[name].tolist() == two[name].tolist() != other[name].tolist()
    assert fs.sample(50, **ranges)["workers"].tolist() == fs.sample(50, seed=0, **ranges)["workers"].tolist()


def test_a_sample_is_even_on_the_slider():
    """Each field falls evenly between its bounds, in the logarithm where its slider is logarithmic."""
    n = 4000
    columns = fs.sample(n, seed=1, workers=(10, 810), queue_limit=(100, 10_000), coherency=(1e-6, 1e-4))
    places = {
        "workers": (columns["workers"] - 10) / 800,
        "queue_limit": np.log(columns["queue_limit"] / 100) / np.log(100),
        "coherency": np.log(columns["coherency"] / 1e-6) / np.log(100),
    }
    for name, place in places.items():
        assert place.min() >= 0 and place.max() <= 1, name
        # Kolmogorov's distance of n even draws is beyond 1.95/sqrt(n) once in a thousand; the seed is fixed.
        assert np.abs(np.sort(place) - (np.arange(n) + 0.5) / n).max() < 1.95 / math.sqrt(n), name
    assert np.abs(np.corrcoef(list(places.values())) - np.eye(3)).max() < 4 / math.sqrt(n)  # 4 standard errors


def test_whole_numbers_and_flags_are_sampled_as_such():
    columns = fs.sample(200, attempts=(1, 4), door_servers=(8, 40), skip_stale=(0, 1), workers=(150, 150))
    assert set(columns["attempts"]) == {1, 2, 3, 4}
    assert set(columns["skip_stale"]) == {0, 1}
    assert (columns["door_servers"] == np.round(columns["door_servers"])).all()
    assert set(columns["workers"]) == {150}, "a range of one value is legal"
    assert fs.Design(**columns).attempts.shape == (200,)


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        (dict(workers=(800, 10)), r"range of workers is \(800, 10\): must be finite and rise"),
        (dict(workers=(10, INF)), "must be finite"),
        (dict(workers=(math.nan, 10)), "must be finite"),
        (dict(queue_limit=(0, 100)), "from above 0 on a log scale"),
        (
            dict(wokers=(1, 2)),
            "'wokers' is no field of Design, Buyers or PaymentGateway: use one of admit_rate, .*patience",
        ),
        (dict(surge=(1, 2)), "'surge' is no field"),
    ],
)
def test_a_bad_range_is_refused(ranges, message):
    with pytest.raises(fs.ParameterError, match=message):
        fs.sample(10, **ranges)


@pytest.mark.parametrize("n", [0, -1])
def test_no_designs_are_not_sampled(n):
    with pytest.raises(fs.ParameterError, match=f"n is {n}: must be at least 1"):
        fs.sample(n, workers=(10, 20))


# --- the table ----------------------------------------------------------------------------------------------------


def test_every_row_is_that_design_alone(expected):
    """Fields of the design, the buyers and the gateway end up where they belong, and rows in their order."""
    assert list(expected.columns) == [
        *DESIGNS, "arrived", *PLACES, "calls", "max_queue", "max_in_flight", *scorecard.measures(fs.simulate(record=False)),
        "all_met",
    ]  # fmt: skip
    for name, column in DESIGNS.items():
        assert expected[name].tolist() == column.tolist()
    for i in range(0, 60, 6):
        row = {name: float(column[i]) for name, column in DESIGNS.items()}
        buyers, gateway = (
            fs.Buyers(patience=row.pop("patience")),
            fs.PaymentGateway(decline_rate=row.pop("decline_rate")),
        )
        outcome = fs.simulate(fs.Design(**row), buyers=buyers, gateway=gateway, record=False)
        for name in ("arrived", *PLACES, "calls", "max_queue", "max_in_flight"):
            assert expected[name][i] == getattr(outcome, name), name
        for name, value in scorecard.measures(outcome).items():
            # 1e-9: bisected over sums whose order depends on who else is in the chunk.
            assert expected[name][i] == pytest.approx(float(value), rel=1e-9), name
        assert expected.all_met[i] == scorecard.met(outcome)
    assert expected.all_met.dtype == bool
    assert fs.sweep(fs.grid(workers=[40, 150, 480]), progress=False).all_met.tolist() == [False, True, False]


def test_the_chunk_changes_no_number(expected):
    for chunk in (1, 60, 1000):
        pd.testing.assert_frame_equal(fs.sweep(DESIGNS, chunk=chunk, progress=False), expected, rtol=1e-9)  # as above


def test_a_data_frame_will_do(expected):
    frame = pd.DataFrame(DESIGNS).astype({"attempts": int, "skip_stale": bool}).set_index(np.arange(60) * 3 + 5)
    same(fs.sweep(frame, chunk=CHUNK, progress=False), expected)


def test_a_list_of_designs_will_do():
    designs = [fs.Design(workers=w, queue_limit=500, skip_stale=w == 160) for w in (40, 160, 80)]
    table = fs.sweep(designs, **QUICK)
    assert table.workers.tolist() == [40, 160, 80]
    assert table.columns[:3].tolist() == ["skip_stale", "workers", "arrived"], "only what differs has a column"
    assert table.skip_stale.tolist() == [0, 1, 0]
    for row, design in zip(table.itertuples(), designs, strict=True):
        outcome = fs.simulate(design, demand=QUICK["demand"], record=False)
        assert (row.paid, row.max_queue) == (outcome.paid, outcome.max_queue)
    assert len(set(table.max_queue)) > 1


def test_a_list_of_one_design_shows_its_workers():
    table = fs.sweep([fs.Design(workers=20, queue_limit=50)] * 2, **QUICK)
    assert table.workers.tolist() == [20, 20] and table.max_queue.max() == pytest.approx(50, rel=1e-9)


def test_what_the_columns_leave_out_is_given_once():
    world = dict(
        demand=steady(60, 300),
        buyers=fs.Buyers(patience=60),
        gateway=fs.PaymentGateway(error_rate=0.1).brownout(100, 150, 0.2),
        dt=0.5,
    )
    table = fs.sweep(
        fs.grid(workers=[20, 40]), design=fs.Design(queue_limit=100), targets=fs.Targets(served_share=0.1, wait_p95=200),
        prices=fs.Prices(machine_hour=2), progress=False, **world,
    )  # fmt: skip
    for row, workers in zip(table.itertuples(), (20, 40), strict=True):
        outcome = fs.simulate(fs.Design(workers=workers, queue_limit=100), record=False, **world)
        assert row.paid == outcome.paid
        assert row.cost_per_order == fs.cost_per_order(outcome, fs.Prices(machine_hour=2))
        assert row.all_met == scorecard.met(
            outcome, fs.Targets(served_share=0.1, wait_p95=200), fs.Prices(machine_hour=2)
        )


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("designs", "message"),
    [
        ({}, r"designs has no rows under \[\]"),
        (dict(workers=[]), r"designs has no rows under \['workers'\]: must hold"),
        (
            dict(workers=["many"]),
            "the grid has a value that is not a number: could not convert string to float: 'many'",
        ),
        (
            pd.DataFrame({"workers": ["many"]}),
            "a column that is not of numbers: could not convert string to float: 'many'",
        ),
        (dict(wokers=[1]), "'wokers' is no field of Design, Buyers or PaymentGateway"),
        (dict(brownouts=[1]), "'brownouts' is no field"),
        (pd.DataFrame({"workers": [1], "name": ["small"]}), "'name' is no field"),
        (dict(workers=[*range(599), -5, 3]), r"design.workers is -5 \(calls\) at index 599: .* move it to at least 0"),
        (dict(attempts=[1, 1.5]), "design.attempts is 1.5 .* round it"),
        (dict(patience=[1, math.nan]), "buyers.patience is nan .* at index 1"),
        ([], "designs is empty"),
        ([fs.Design(), "big"], "neither columns nor a list of Design"),
        (fs.Design(), "neither columns nor a list of Design"),
        ("workers", "neither columns nor a list of Design"),
        (None, "neither columns nor a list of Design"),
        ([fs.Design(workers=[1, 2])], "a Design in the list has an array"),
    ],
)
def test_designs_that_make_no_table_are_refused(designs, message, monkeypatch):
    plays = Plays(monkeypatch)
    with pytest.raises(fs.ParameterError, match=message):
        fs.sweep(designs, **QUICK)
    assert plays.count == 0, "before anything is played"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(chunk=0), "chunk is 0: must be at least 1; the default is 250"),
        (dict(design=fs.Design(queue_limit=[1, 2])), "an array is given for what all designs of a sweep share"),
        (dict(buyers=fs.Buyers(patience=[1, 2])), "make it a column of designs"),
        (dict(gateway=fs.PaymentGateway().brownout([1, 2], 3, 0)), "an array is given"),
        (dict(demand=fs.Demand.drop().scaled([1, 2])), "an array is given"),
        (dict(targets=fs.Targets(wait_p95=[1, 2])), "an array is given"),
        (dict(prices=fs.Prices(basket=[1, 2])), "an array is given"),
        (dict(demand=5), r"demand is 5, a int: must be a Demand"),
        (dict(design="naive"), "must be a Design"),
        (dict(dt=0), "simulation.dt is 0"),
    ],
)
def test_what_all_designs_share_is_one_value(arguments, message):
    with pytest.raises(fs.ParameterError, match=message):
        fs.sweep(fs.grid(workers=[1, 2]), progress=False, **arguments)


def test_a_list_leaves_nothing_to_a_design():
    with pytest.raises(fs.ParameterError, match="design is given beside a list of Design"):
        fs.sweep([fs.Design()], design=fs.Design(), **QUICK)


# --- who plays ----------------------------------------------------------------------------------------------------


def test_threads(expected):
    with ThreadPoolExecutor(2) as pool:
        same(fs.sweep(DESIGNS, chunk=CHUNK, executor=pool, progress=False), expected)


def test_a_job_of_an_executor_takes_one_thread_and_a_job_played_here_all_cores(monkeypatch):
    """Who has an executor decides by its size how many cores are taken."""
    taken, real = [], sweeps.simulate

    def spy(*args, threads, **rest):
        taken.append(threads)
        return real(*args, threads=threads, **rest)

    monkeypatch.setattr(sweeps, "simulate", spy)
    with ThreadPoolExecutor(1) as pool:
        fs.sweep(DESIGNS, chunk=30, executor=pool, **QUICK)
    fs.sweep(DESIGNS, chunk=30, **QUICK)
    assert taken == [1, 1, None, None]


def test_processes(expected, processes, monkeypatch):
    plays = Plays(monkeypatch)
    same(fs.sweep(DESIGNS, chunk=CHUNK, executor=processes, progress=False), expected)
    assert plays.count == 0, "they did the work"


def test_dask(expected, client, monkeypatch):
    plays = Plays(monkeypatch)
    same(fs.sweep(DESIGNS, chunk=CHUNK, executor=client.get_executor(), progress=False), expected)
    assert plays.count == 0, "its workers did the work"


def test_an_error_in_a_job_is_raised_here(processes):
    """And not swallowed as a broken pool would be."""
    with pytest.raises(fs.ParameterError, match=re.escape("simulation.dt is 0")):
        fs.sweep(DESIGNS, dt=0, executor=processes, progress=False)


# --- who dies -----------------------------------------------------------------------------------------------------

SLOW = dict(chunk=CHUNK, dt=0.03, progress=False)
"""Steps of 0.03 s: a job then takes some 40 ms, so that most are still to do when the first is done."""


@pytest.fixture(scope="module")
def expected_slow():
    return fs.sweep(DESIGNS, **SLOW)


class Doomed(ProcessPoolExecutor):
    """One worker, which exits in the middle of the third job."""

    submitted = 0

    def submit(self, *args):
        self.submitted += 1
        return super().submit(os._exit, 1) if self.submitted == 3 else super().submit(*args)


def test_a_worker_process_that_dies_loses_nothing(expected, monkeypatch):
    plays = Plays(monkeypatch)
    with Doomed(1, mp_context=get_context("spawn")) as pool:
        same(fs.sweep(DESIGNS, chunk=CHUNK, executor=pool, progress=False), expected)
        # Two of the nine jobs are done before. (None, if the pool breaks before their results are read.)
        assert 7 <= plays.count <= 9
        with pytest.raises(BrokenProcessPool):
            pool.submit(print)
        plays.count = 0
        same(fs.sweep(DESIGNS, chunk=CHUNK, executor=pool, progress=False), expected)
        assert plays.count == 9, "a pool that was broken from the start"


def test_a_worker_process_that_is_killed_loses_nothing(expected_slow, monkeypatch):
    def kill(done):
        if done == 1:
            os.kill(next(iter(pool._processes)), KILL)

    plays = Plays(monkeypatch)
    hook = Hook(monkeypatch, kill)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        same(fs.sweep(DESIGNS, executor=pool, **SLOW), expected_slow)
    assert hook.chunks == 9, "each chunk is in the table once"
    assert 1 <= plays.count <= 8, "the first was done there, and what was lost with the pool here"


def test_a_dask_worker_that_is_killed_loses_nothing(expected_slow, client, monkeypatch):
    before = client.run(os.getpid)

    def kill(done):
        if done == 1:
            os.kill(min(before.values()), KILL)

    plays = Plays(monkeypatch)
    hook = Hook(monkeypatch, kill)
    same(fs.sweep(DESIGNS, executor=client.get_executor(), **SLOW), expected_slow)
    assert plays.count == 0 and hook.chunks == 9, "the other worker, or the next one, did it"
    deadline = time.monotonic() + 30  # a nanny takes a second or two; 30 for a busy machine
    while (after := client.run(os.getpid, on_error="ignore")) == before or len(after) < 2:
        assert time.monotonic() < deadline, "the nanny did not start another worker"
        time.sleep(0.1)
    assert min(before.values()) not in after.values()


# --- interrupted, and resumed ---------------------------------------------------------------------------------------


def test_an_interrupted_sweep_goes_on_from_what_was_finished(expected, tmp_path, monkeypatch):
    store = tmp_path / "deep" / "store"
    plays = Plays(monkeypatch)
    with monkeypatch.context() as patch:
        Hook(patch, interrupt_after(4))
        with pytest.raises(KeyboardInterrupt):
            fs.sweep(DESIGNS, chunk=CHUNK, store=store)
    assert plays.count == 4 and len(list(store.iterdir())) == 4
    plays.count = 0
    same(fs.sweep(DESIGNS, chunk=CHUNK, store=str(store), progress=False), expected)
    assert plays.count == 5 and len(list(store.iterdir())) == 9
    plays.count = 0
    same(fs.sweep(DESIGNS, chunk=CHUNK, store=store, progress=False), expected)
    assert plays.count == 0


def test_an_interrupt_leaves_no_work_behind(expected, tmp_path, monkeypatch):
    plays = Plays(monkeypatch)
    with pytest.raises(KeyboardInterrupt), monkeypatch.context() as patch, ThreadPoolExecutor(1) as pool:
        Hook(patch, interrupt_after(2))
        fs.sweep(DESIGNS, store=tmp_path, executor=pool, **SLOW)
    # The pool was left only after all that was not cancelled.
    assert 2 <= plays.count <= 5, "one is under way when it is interrupted; a few on a busy machine"
    played = len(list(tmp_path.iterdir()))
    assert played == 2, "what was under way is not kept, what was finished is"
    plays.count = 0
    with ThreadPoolExecutor(2) as pool:
        fs.sweep(DESIGNS, store=tmp_path, executor=pool, **SLOW)
    assert plays.count == 9 - played


def test_a_write_that_was_cut_off_does_not_count(tmp_path, monkeypatch):
    whole = fs.sweep(DESIGNS, chunk=30, store=tmp_path, **QUICK)
    first, _ = sorted(tmp_path.iterdir())
    first.with_suffix(".part").write_bytes(first.read_bytes()[:100])
    first.unlink()
    plays = Plays(monkeypatch)
    same(fs.sweep(DESIGNS, chunk=30, store=tmp_path, **QUICK), whole)
    assert plays.count == 1
    assert sorted(tmp_path.iterdir())[0] == first and not list(tmp_path.glob("*.part"))


DEFAULTS = dict(
    designs=fs.grid(workers=[40, 80]), design=fs.Design(), demand=steady(50, 60), buyers=fs.Buyers(),
    gateway=fs.PaymentGateway(), targets=fs.Targets(), prices=fs.Prices(), dt=0.25,
)  # fmt: skip
OTHERS = [
    dict(designs=fs.grid(workers=[40, 81])),
    dict(designs=fs.grid(dispatch_rate=[40, 80])),
    dict(design=fs.Design(queue_limit=10)),
    dict(demand=steady(50.001, 60)),
    dict(demand=steady(50, 61)),
    dict(buyers=fs.Buyers(patience=30)),
    dict(gateway=fs.PaymentGateway(error_rate=0.5)),
    dict(gateway=fs.PaymentGateway().brownout(10, 30, 0)),
    dict(gateway=fs.PaymentGateway().brownout(10, 30, 0.5)),
    dict(gateway=fs.PaymentGateway().brownout(10, 30, 0).brownout(40, 50, 0)),
    dict(targets=fs.Targets(wait_p95=0)),
    dict(prices=fs.Prices(machine_hour=1)),
    dict(dt=0.5),
]


def test_a_store_of_other_arguments_is_not_mixed_up(tmp_path, monkeypatch):
    plays = Plays(monkeypatch)
    tables = []
    for i, changes in enumerate(({}, *OTHERS), start=1):
        arguments = {**DEFAULTS, **changes}
        tables.append(fs.sweep(arguments.pop("designs"), store=tmp_path, progress=False, **arguments))
        assert plays.count == i, f"{changes} is another sweep"
    for changes, table in zip(({}, *OTHERS), tables, strict=True):
        arguments = {**DEFAULTS, **changes}
        same(fs.sweep(arguments.pop("designs"), store=tmp_path, progress=False, **arguments), table)
    assert plays.count == 1 + len(OTHERS), "and all of them were kept"


NAMES_IN_ANOTHER_SESSION = """
import sys
from pathlib import Path
import pandas as pd
import flashsale_lib as fs
from flashsale_lib.decisions import sweeps
demand = fs.Demand.drop(surge=int("300"))
gateway = fs.PaymentGateway(coherency=float("3e-5")).brownout(10, 20, 0.5)
world = sweeps.World(fs.Design(), demand, fs.Buyers(), gateway, fs.Targets(), fs.Prices(), 0.25)
frame = pd.DataFrame({"workers": [10, 20, 30, 40], "timeout": [5.0, float("inf"), 5.0, 1 / 3]})[::2]
columns, _ = sweeps._columns(frame, None)
print(*sweeps._files(Path("store"), [columns], world).values())
"""


def test_a_kept_chunk_is_found_in_another_session():
    """A name depends on values alone: not on the hash seed, the order in memory, or who made an equal object."""
    world = sweeps.World(
        fs.Design(), fs.Demand.drop(surge=300.0), fs.Buyers(), fs.PaymentGateway(coherency=3e-5).brownout(10.0, 20, 0.5),
        fs.Targets(), fs.Prices(), 0.25,
    )  # fmt: skip
    columns = {"workers": np.array([10.0, 30.0]), "timeout": np.array([5.0, 5.0])}
    (here,) = sweeps._files(sweeps.Path("store"), [columns], world).values()
    copies = pickle.loads(pickle.dumps((columns, world)))
    assert list(sweeps._files(sweeps.Path("store"), [copies[0]], copies[1]).values()) == [here]
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    command = [sys.executable, "-c", NAMES_IN_ANOTHER_SESSION]
    there = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    assert there.strip() == str(here)


def test_a_name_covers_every_field():
    """Should a field be added to any of the parts, a name depends on it from the first day."""
    gateway = fs.PaymentGateway().brownout(1, 2, 0.5)
    world = sweeps.World(fs.Design(), fs.Demand.drop(), fs.Buyers(), gateway, fs.Targets(), fs.Prices(), 0.25)
    plain = sweeps._plain(world)
    assert list(plain) == [field.name for field in dataclasses.fields(world)]
    for name, part in plain.items():
        if name != "dt":
            assert list(part) == [field.name for field in dataclasses.fields(getattr(world, name))]
    assert plain["gateway"]["brownouts"] == [{"start": 1, "end": 2, "health": 0.5}]
    assert plain["demand"]["rate"] == world.demand.rate.tolist()


# --- memory and the progress bar --------------------------------------------------------------------------------------


def peak_memory(chunk):
    designs = fs.sample(4000, workers=(10, 800))
    tracemalloc.start()
    try:
        fs.sweep(designs, chunk=chunk, **QUICK)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_is_bounded_by_the_chunk():
    fs.sweep(fs.grid(workers=[1, 2]), **QUICK)  # what is loaded at the first use is not the sweep's
    small, large = peak_memory(100), peak_memory(4000)
    table = 4000 * 8 * 26  # bytes: 26 columns of 4,000 numbers
    # A scenario takes 17 kB for its bins, and as much again while they are evaluated: 7 MB for 100, 68 MB and more for
    # 4,000. On top the table, twice (once in pieces).
    assert large > 4000 * 17_000
    assert small < 10e6 + 3 * table
    assert small < large / 4


def test_progress_goes_to_stderr_only(capfd):
    fs.sweep(DESIGNS, chunk=CHUNK, demand=QUICK["demand"])
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "60/60" in shown.err and "designs/s" in shown.err


def test_progress_can_be_switched_off(capfd):
    fs.sweep(DESIGNS, **QUICK)
    with ThreadPoolExecutor(1) as pool:
        fs.sweep(DESIGNS, executor=pool, **QUICK)
    assert capfd.readouterr() == ("", "")
