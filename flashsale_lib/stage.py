"""What widgets share on the screen: one style sheet, names for screen readers, presenter mode."""

from __future__ import annotations

import html
from functools import cache
from importlib.resources import files
from typing import Protocol
from weakref import WeakSet

import ipywidgets as widgets

from . import canvas


class Shown(Protocol):
    """Something on the screen that can be shown larger or smaller."""

    widget: widgets.Box

    def redraw(self) -> None:
        """Draw the picture again, in the size that now holds."""


_shown: WeakSet[Shown] = WeakSet()
_dressed: WeakSet[widgets.Box] = WeakSet()


def enter(shown: Shown) -> None:
    """Put something finished on the stage: as `dress`, and its picture is drawn again when the size changes."""
    dress(shown.widget)
    _shown.add(shown)


def dress(box: widgets.Box) -> None:
    """Give a finished box of widgets our style, names for screen readers, and the size that now holds."""
    box.add_class("flashsale")
    box.children = (*box.children, widgets.HTML(_accessories()))
    _dressed.add(box)
    _size(box)


def presenter(on: bool = True) -> None:
    """Larger text, sliders and pictures for the back row, in all that is shown and in all that comes; False: as before.

    A finished picture stays as it is until its cell runs again.

    >>> presenter()
    >>> canvas.presenting()
    True
    >>> presenter(False)
    """
    canvas.presenter(on)
    for box in list(_dressed):
        _size(box)
    for shown in list(_shown):
        shown.redraw()


def _size(box: widgets.Box) -> None:
    if canvas.presenting():
        box.add_class("flashsale-presenter")
    else:
        box.remove_class("flashsale-presenter")


@cache
def _accessories() -> str:
    """The style sheet, and the script, which a picture that cannot be loaded starts: widgets start no script tags.

    Where a front end forbids that, sliders still work by keyboard, without their names being read out.
    """
    here = files(__package__)
    style, script = (here.joinpath(name).read_text(encoding="utf-8") for name in ("stage.css", "accessible.js"))
    call = (
        f"const name = {script.strip()}, find = (left) => {{ const root = this.closest('.flashsale');"
        " if (root) { name(root); this.remove(); } else if (left) setTimeout(find, 100, left - 1); }; find(50)"
    )
    return f'<style>{style}</style><img alt="" src="data:," style="display:none" onerror="{html.escape(call)}">'
