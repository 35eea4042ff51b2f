"""Slow computations in a notebook: a button, a progress bar with cancel, and a kernel that stays free meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from ..pictures.canvas import MimeBundle, Picture, mime_bundle
from . import stage

Progress = Callable[[int, int], None]


class Cancelled(Exception):
    """Raised inside a job by its own progress call, after somebody pressed cancel."""


class Job:
    """A button that runs something slow (a sweep, the twin), shows how far it is, and can be cancelled.

    Parameters
    ----------
    work : what to run, in a thread of its own. It gets one function to call now and then, `progress(done, total)`, which
        ends the work by raising `Cancelled` once cancel was pressed; `fs.sweep(..., progress=progress)` does so.
    show : from the result of the work to the `Picture` of it, whose words stand below the button.
    label : text of the button.

    Nothing runs before the button is pressed, so a notebook never waits for it. `result` is None until it is done.

    >>> job = Job(lambda progress: sum(range(5)), label="Add up")
    >>> job.run_here()
    10
    >>> job
    Add up: done.
    """

    def __init__(
        self, work: Callable[[Progress], Any], show: Callable[[Any], Picture] | None = None, *, label: str = "Run"
    ) -> None:
        self.work, self.show, self.label = work, show, label
        self.result: Any = None
        self.picture: Picture | None = None
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None
        self.button = stage.button(label, self.start, icon="play")
        self.stop = stage.button("cancel", self.cancel, icon="stop")
        self.stop.disabled = True
        self.bar = widgets.FloatProgress(
            value=0.0, min=0.0, max=1.0, description="", layout=widgets.Layout(width="16em")
        )
        self.line = widgets.HTML()
        self.image = widgets.Image(
            format="png", layout=widgets.Layout(display="none", width="100%", max_width="1100px")
        )
        row = widgets.HBox([self.button, self.stop, self.bar], layout=widgets.Layout(flex_flow="row wrap"))
        self.widget = widgets.VBox([row, self.line, stage.framed(self.image)])
        stage.enter(self)
        self._say("not run yet: press the button.")

    @property
    def running(self) -> bool:
        """Whether the work is going on now."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin, in a thread; pressing again while it runs changes nothing."""
        if self.running:
            return
        self._begin()
        self._thread = threading.Thread(target=self._run, name=self.label, daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Ask the work to end; it does at its next call of progress."""
        self._cancel.set()
        if self.running:
            self._say("stopping ...")

    def wait(self, seconds: float | None = None) -> Any:
        """Wait for the end, at most so long; returns the result, or None."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self.result

    def run_here(self) -> Any:
        """Run it now, in this thread, and return the result: for scripts and tests."""
        self._begin()
        self._run()
        return self.result

    def clear(self) -> None:
        """As before the button was pressed; what still runs is cancelled and waited for."""
        self.cancel()
        self.wait()
        self.result, self.picture, self.bar.value = None, None, 0.0
        self.image.layout.display = "none"
        self._say("not run yet: press the button.")

    def redraw(self) -> None:
        """Draw the picture again, in the size that now holds (see `fs.controls.presenter`)."""
        if self.result is not None:
            self._picture()

    def _begin(self) -> None:
        self._cancel.clear()
        self.result, self.bar.value = None, 0.0
        self.button.disabled, self.stop.disabled = True, False
        self._say("running ...")

    def _run(self) -> None:
        try:
            self.result = self.work(self._progress)
            self._picture()
            self.bar.value = 1.0
        except Cancelled:
            self._say("cancelled.")
        except Exception as error:  # a thread has nobody to raise to
            self._say(f"did not work: {error}")
        finally:
            self.button.disabled, self.stop.disabled = False, True

    def _picture(self) -> None:
        if self.show is None:
            self._say("done.")
            return
        self.picture = self.show(self.result)
        self.image.value = self.picture.png()
        self.image.layout.display = ""
        self._say(self.picture.reading)

    def _progress(self, done: int, total: int) -> None:
        if self._cancel.is_set():
            raise Cancelled
        part = done / total if total > 0 else 0.0
        if part >= self.bar.value + 0.01 or done == total:  # a message for every percent is enough
            self.bar.value = min(part, 1.0)

    def _say(self, text: str) -> None:
        self.words = text
        self.line.value = stage.status(text)

    def __repr__(self) -> str:
        return f"{self.label}: {self.words}"

    def _repr_mimebundle_(self, **kwargs: Any) -> MimeBundle:
        png = None if self.picture is None else self.picture.png()
        return mime_bundle(repr(self), png, **(self.widget._repr_mimebundle_(**kwargs) or {}))
