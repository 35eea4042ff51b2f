"""Slow work behind a button: it runs beside the kernel, reports, stops when told to, and says what went wrong."""

import threading

import pytest

import flashsale_lib as fs
from flashsale_lib.classroom.jobs import Cancelled, Job


def test_nothing_runs_before_the_button_is_pressed() -> None:
    started = threading.Event()
    job = Job(lambda progress: started.set(), label="Sweep")
    assert repr(job) == "Sweep: not run yet: press the button."
    assert not started.is_set() and job.result is None and job.stop.disabled and not job.button.disabled
    bundle, _ = job._repr_mimebundle_()
    assert bundle["text/plain"] == repr(job) and "image/png" not in bundle


def test_a_sweep_behind_a_button_gives_the_table_that_a_sweep_gives() -> None:
    designs = {"workers": [80.0, 120.0, 160.0, 480.0]}
    seen = []

    def work(progress):
        def both(done, total):
            seen.append((done, total))
            progress(done, total)

        return fs.sweep(designs, progress=both, chunk=1)

    def show(table):
        marks = {"best": float(table.workers[table.paid.idxmax()])}
        return fs.figures.curve(table.workers, table.paid, xlabel="workers", ylabel="paid", marks=marks)

    job = Job(work, show)
    job.button.click()
    table = job.wait(60)
    assert table.equals(fs.sweep(designs, progress=False))
    assert seen == [(i, 4) for i in range(1, 5)] and job.bar.value == 1.0
    assert "best: workers 160" in repr(job) and "best: workers 160" in job.line.value
    assert bytes(job.image.value).startswith(b"\x89PNG") and job.image.layout.display == ""
    bundle, metadata = job._repr_mimebundle_()
    assert bundle["image/png"] == job.image.value and metadata["image/png"]["alt"] == repr(job)
    assert job.stop.disabled and not job.button.disabled and not job.running


def test_cancel_stops_at_the_next_report_and_it_can_be_run_again() -> None:
    waiting, go_on = threading.Event(), threading.Event()

    def work(progress):
        progress(1, 10)
        waiting.set()
        assert go_on.wait(30)
        progress(2, 10)
        return "finished"

    job = Job(work)
    job.start()
    assert waiting.wait(30) and job.running and job.button.disabled and not job.stop.disabled
    first = job._thread
    job.start()  # a second press changes nothing
    assert job._thread is first
    job.stop.click()
    go_on.set()
    assert job.wait(30) is None and "cancelled." in job.line.value and job.bar.value == pytest.approx(0.1)
    job.button.click()
    assert job.wait(30) == "finished" and repr(job) == "Run: done."


def test_an_error_is_shown_and_escaped() -> None:
    def work(progress):
        raise RuntimeError("no <b>sweep</b>")

    job = Job(work)
    assert job.run_here() is None
    assert repr(job) == "Run: did not work: no <b>sweep</b>" and "&lt;b&gt;" in job.line.value
    assert not job.button.disabled


def test_presenter_mode_draws_a_finished_job_again() -> None:
    job = Job(lambda progress: fs.simulate(), lambda outcome: fs.figures.ledger({"it": outcome}))
    fs.controls.presenter()
    job.redraw()  # nothing to draw yet
    fs.controls.presenter(False)
    job.run_here()
    usual = len(job.image.value)
    fs.controls.presenter()
    try:
        assert len(job.image.value) != usual
    finally:
        fs.controls.presenter(False)


def test_a_sweep_that_is_told_to_stop_stops() -> None:
    def report(done, total):
        if done >= 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        fs.sweep({"workers": [10.0, 20.0, 30.0, 40.0]}, progress=report, chunk=1)
