"""One step, two speeds: compiled and plain, wherever numba can be, cannot be, or may not write; threads; interrupts."""

import builtins
import copy
import math
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from helpers import TOTALS, steady

import flashsale_lib as fs
from flashsale_lib.model import compiler, drop, engine, pieces, policies, step
from flashsale_lib.model.compiler import compile_functions
from flashsale_lib.model.step import run_many as plain_step

DEMAND = steady(120, 60)  # short: the plain step takes a second for an hour


@pytest.fixture
def fresh():
    """The engine as after a new import: whether numba is there is asked again, here and after the test."""
    engine._compiled.cache_clear()
    yield
    engine._compiled.cache_clear()


def no_numba(monkeypatch):
    """What a browser's Python says to `import numba`."""
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "numba":
            raise ImportError("No module named 'numba'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)


def totals(**options):
    outcome = fs.simulate(fs.Design(workers=[60, 120]), demand=DEMAND, record=False, **options)
    return np.array([getattr(outcome, name) for name in TOTALS])


# ---- with and without numba --------------------------------------------------------------------------------------


def test_plain_and_compiled_totals_and_series_agree():
    pytest.importorskip("numba")
    design = fs.Design(workers=[60, 200], skip_stale=[1, 0], backoff=[0, 2], admit_rate=[np.inf, 90])
    fast, plain = (fs.simulate(design, demand=DEMAND, compiled=c) for c in (True, False))
    for name in TOTALS:
        assert getattr(fast, name) == pytest.approx(getattr(plain, name), rel=1e-9, abs=1e-9), name
    assert fast.recorded == pytest.approx(plain.recorded, rel=1e-9, abs=1e-9)
    assert fast.accepts.sum() == pytest.approx(plain.accepts.sum(), rel=1e-6)  # kept in half the precision


def test_plain_and_compiled_policies_agree():
    """Each policy acts: the breaker opens in the brownout and closes after it, the limit falls, more workers come."""
    pytest.importorskip("numba")
    design = fs.Design(
        workers=60, timeout=2, backoff=1, breaker_threshold=0.3, breaker_window=3, breaker_pause=3, breaker_probe=5,
        aimd_target=1.5, aimd_start=40, warm_workers=20, scale_at=10, scale_delay=5, scale_rate=4, retry_budget=0.3,
        stock=2000, max_wait=20, admit_rate=60, idempotency_lifetime=3,
    )  # fmt: skip
    gateway = fs.PaymentGateway().brownout(15, 25, 0.02)
    fast, plain = (fs.simulate(design, demand=DEMAND, gateway=gateway, compiled=c) for c in (True, False))
    assert {0.0, 0.5, 1.0} == set(plain.breaker) and plain.breaker[-1] == 0.0
    assert plain.own_limit.min() < 20 and plain.workers_up.max() == 60
    assert plain.double_charges > 0
    assert fast.recorded == pytest.approx(plain.recorded, rel=1e-9, abs=1e-9)


def test_without_numba_the_same_numbers_come_slower(monkeypatch, fresh):
    expected = totals()
    no_numba(monkeypatch)
    engine._compiled.cache_clear()
    assert engine.compiled() is None
    assert totals() == pytest.approx(expected, rel=1e-9, abs=1e-9)
    with pytest.raises(ImportError, match=r"compiled=True, but numba cannot be imported, .*; leave compiled unset"):
        totals(compiled=True)


def test_the_environment_can_forbid_compiling(monkeypatch, fresh):
    monkeypatch.setenv("FLASHSALE_COMPILE", "0")
    assert engine.compiled() is None
    with pytest.raises(ImportError, match="FLASHSALE_COMPILE=0 forbids it"):
        totals(compiled=True)
    monkeypatch.setenv("FLASHSALE_COMPILE", "1")
    engine._compiled.cache_clear()
    pytest.importorskip("numba")
    assert engine.compiled() is not None


# ---- the compiler --------------------------------------------------------------------------------------------------


def test_threads_that_come_first_together_wait_for_one_compiler(monkeypatch):
    """Two at once would leave machine code in a folder that neither meant: numba's cache folder is a global setting."""
    began = []

    def slow(*_, **__):
        began.append(threading.current_thread())
        time.sleep(0.05)
        return {"run_many": began}

    engine._compiled.cache_clear()
    monkeypatch.setattr(engine, "compile_functions", slow)
    with ThreadPoolExecutor(4) as pool:
        found = [each.result() for each in [pool.submit(engine.compiled) for _ in range(4)]]
    engine._compiled.cache_clear()
    assert len(began) == 1 and all(each is began for each in found)


def test_a_child_process_is_not_locked_out_by_a_thread_of_its_parent():
    """A fork while another thread compiles copies a shut lock: the child opens one of its own."""
    held = engine._compiling
    with held:
        engine._unlock()
        assert fs.simulate(record=False).paid > 0
    assert engine._compiling is not held


def test_functions_call_one_another_across_modules_and_can_be_replaced():
    pytest.importorskip("numba")
    functions = compile_functions(pieces, zeros=engine._array)
    assert functions["zeros"](3).tolist() == engine._array(3).tolist() == [0, 0, 0]
    assert pieces.zeros(3) == [0, 0, 0]
    wait = np.zeros(3)
    functions["fifo_wait"](np.zeros(3), np.zeros(3), 1.0, 0.0, 1.0, 1.0, wait)  # calls `zeros`
    assert wait.tolist() == [0, 0, 0]  # the queue was empty all along


def test_the_folder_of_the_machine_code_follows_the_text_of_every_source(monkeypatch, tmp_path):
    monkeypatch.setattr(compiler, "__file__", str(tmp_path / "compiler.py"))
    functions = [value for module in (pieces, policies) for value in vars(module).values() if callable(value)]
    one, both = (compiler._cache_folder(some) for some in (functions[:1], functions))
    assert one != both
    assert compiler._cache_folder(functions) == both
    assert [path.parent for path in (tmp_path / "__pycache__").glob("numba-*")] == [tmp_path / "__pycache__"] * 2


def test_the_machine_code_is_kept_in_that_folder_and_numba_keeps_its_own_setting():
    """Else a change in one source would leave the old machine code of another's functions in use."""
    numba = pytest.importorskip("numba")
    kept_in = numba.config.CACHE_DIR
    here = types.ModuleType("here")
    vars(here).update(relax=pieces.relax, math=math)
    relax = compile_functions(here)["relax"]
    assert relax(0.0, 0.5) == (1.0, 0.5)
    assert Path(relax.stats.cache_path).is_relative_to(compiler._cache_folder([pieces.relax]))
    assert kept_in == numba.config.CACHE_DIR


def test_a_folder_that_cannot_be_made_or_written_is_left_to_numba(monkeypatch, tmp_path):
    function = [pieces.relax]
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(compiler, "__file__", str(tmp_path / "file" / "compiler.py"))
    assert compiler._cache_folder(function) is None
    monkeypatch.setattr(compiler, "__file__", str(tmp_path / "compiler.py"))
    monkeypatch.setattr(compiler.os, "access", lambda *_: False)  # chmod does not stop root
    assert compiler._cache_folder(function) is None


def test_a_read_only_library_still_compiles(monkeypatch):
    numba = pytest.importorskip("numba")
    kept_in = numba.config.CACHE_DIR
    monkeypatch.setattr(compiler, "_cache_folder", lambda _: None)
    here = types.ModuleType("here")
    vars(here)["relax"] = pieces.relax
    vars(here)["math"] = math
    assert compile_functions(here)["relax"](0.0, 0.5) == (1.0, 0.5)
    assert kept_in == numba.config.CACHE_DIR


def test_nowhere_to_keep_machine_code_compiles_for_this_session(monkeypatch):
    numba = pytest.importorskip("numba")
    asked, real = [], numba.njit

    def njit(*, cache=False, **options):
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return real(**options)

    monkeypatch.setattr(numba, "njit", njit)
    assert compiler._compiled(numba, pieces.load_bin)(0.0) == 0
    assert asked == [True, False]


# ---- threads -------------------------------------------------------------------------------------------------------


@pytest.fixture
def spied(monkeypatch):
    """The plain step in place of the compiled one, which lets threads be watched; what each call was given."""
    calls = []

    def watched(scenarios, first, last, *rest):
        calls.append((threading.current_thread(), first, last))
        plain = [types.SimpleNamespace(**dict(zip(scenarios.dtype.names, row, strict=True))) for row in scenarios]
        plain_step(plain, first, last, *rest)

    monkeypatch.setattr(engine, "compiled", lambda: watched)
    return calls


@pytest.mark.parametrize(("threads", "count"), [(1, 3), (2, 3), (2, 40), (9, 1)])
def test_threads_share_the_scenarios_and_change_no_number(spied, threads, count):
    design = fs.Design(workers=np.linspace(20, 200, count)) if count > 1 else fs.Design()
    shared = fs.simulate(design, demand=steady(120, 4), record=False, threads=threads)
    alone = fs.simulate(design, demand=steady(120, 4), record=False, compiled=False)
    assert shared.totals == pytest.approx(alone.totals, rel=1e-12)
    played = sorted((first, last) for _, first, last in spied)
    assert [n for a, b in played for n in range(a, b)] == list(range(count))  # each once
    here = {thread is threading.current_thread() for thread, _, _ in spied}
    assert here == {min(threads, count) == 1}
    assert len(played) <= 8 * min(threads, count)


def test_all_cores_are_taken_unless_told_otherwise(spied, monkeypatch):
    design = fs.Design(workers=[20, 40, 60, 80])
    for cores, alone in ((3, False), (1, True), (None, True)):
        spied.clear()
        monkeypatch.setattr(engine.os, "cpu_count", lambda cores=cores: cores)
        fs.simulate(design, demand=steady(10, 2), record=False)
        assert {thread is threading.current_thread() for thread, _, _ in spied} == {alone}


def test_an_interrupt_ends_the_sweep_without_the_blocks_not_yet_begun(monkeypatch):
    begun = []

    def interrupted(scenarios, first, last, *rest):
        begun.append(first)
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "compiled", lambda: interrupted)

    class Pool(engine.ThreadPoolExecutor):
        def shutdown(self, wait=True, *, cancel_futures=False):
            assert cancel_futures
            super().shutdown(wait, cancel_futures=cancel_futures)

    monkeypatch.setattr(engine, "ThreadPoolExecutor", Pool)
    with pytest.raises(KeyboardInterrupt):
        fs.simulate(fs.Design(workers=np.arange(1.0, 65)), demand=DEMAND, record=False, threads=2)
    assert begun


# ---- what comes back -----------------------------------------------------------------------------------------------


def test_results_are_read_only():
    outcome = fs.simulate(demand=DEMAND)
    for array in (outcome.totals, outcome.peaks, outcome.waits, outcome.accepts, outcome.recorded):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    assert copy.deepcopy(outcome).totals.flags.writeable  # a copy is the learner's own


@pytest.mark.parametrize("window", [1.0, 10.0, 900.0, 86_400.0])
def test_wait_bins_reach_from_nothing_to_the_window_in_even_steps(window):
    edges = engine.wait_edges(window)
    assert len(edges) == engine.WAIT_BINS + 1
    assert (edges[0], edges[-1]) == (0, pytest.approx(window))
    assert edges[1] == pytest.approx(min(0.01, window / 10_000))
    assert np.diff(np.log(edges[1:])) == pytest.approx(math.log(window / edges[1]) / (engine.WAIT_BINS - 1), rel=1e-6)
    assert pieces.wait_bin(window, edges, math.log(edges[2] / edges[1])) == engine.WAIT_BINS - 1


def test_no_limit_is_shown_as_zero():
    assert (step.finite(np.inf), step.finite(7.0)) == (0.0, 7.0)


@pytest.mark.parametrize("record", [True, False])
def test_the_memory_that_is_refused_is_what_the_arrays_take(monkeypatch, record):
    design = fs.Design(workers=np.linspace(20, 200, 7))
    outcome = fs.simulate(design, demand=DEMAND, record=record)
    kept = [outcome.totals, outcome.waits, outcome.accepts, *([outcome.recorded] if record else [])]
    taken = sum(array.nbytes for array in kept)
    monkeypatch.setattr(drop, "RECORD_LIMIT", taken)
    fs.simulate(design, demand=DEMAND, record=record)
    monkeypatch.setattr(drop, "RECORD_LIMIT", taken - 1)
    with pytest.raises(fs.ParameterError, match=f"record={record} for 7 scenarios of 240 steps would take"):
        fs.simulate(design, demand=DEMAND, record=record)
