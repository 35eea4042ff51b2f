"""What widgets share on the screen: one style sheet, names for screen readers, presenter mode."""

from __future__ import annotations

import html
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, Protocol
from weakref import WeakSet

import ipywidgets as widgets

from ..pictures import canvas


class OnStage(Protocol):
    """Something on the screen that can be shown larger or smaller."""

    widget: widgets.Box

    def redraw(self) -> None:
        """Draw the picture again, in the size that now holds."""


_shown: WeakSet[OnStage] = WeakSet()
_dressed: WeakSet[widgets.Box] = WeakSet()


def enter(shown: OnStage) -> None:
    """Put something finished on the stage: as `dress`, and its picture is drawn again when the size changes."""
    dress(shown.widget)
    _shown.add(shown)


def dress(box: widgets.Box) -> None:
    """Give a finished box of widgets our style, names for screen readers, and the size that now holds."""
    box.add_class("flashsale")
    box.children = (*box.children, widgets.HTML(_accessories()))
    _dressed.add(box)
    _size(box)


def framed(image: widgets.Widget, **layout: str) -> widgets.Box:
    """A picture in a box that scrolls sideways where the page is narrower."""
    box = widgets.Box([image], layout=widgets.Layout(**layout))
    box.add_class("flashsale-picture")
    return box


def button(text: str, press: Callable[[], Any], tooltip: str | None = None, icon: str = "") -> widgets.Button:
    """A button as wide as its text."""
    made = widgets.Button(description=text, tooltip=tooltip, icon=icon, layout=widgets.Layout(width="auto"))
    made.on_click(lambda _: press())
    return made


def status(text: str, *, live: bool = True, style: str = "") -> str:
    """A reading line as HTML, which a screen reader announces when it changes; not where `live` is False.

    >>> status("4 < 5", live=False)
    '<div class="flashsale-reading">4 &lt; 5</div>'
    """
    role = ' role="status" aria-live="polite"' if live else ""
    look = f' style="{style}"' if style else ""
    return f'<div{role} class="flashsale-reading"{look}>{html.escape(text).replace(chr(10), "<br>")}</div>'


def alert(text: str) -> str:
    """A line that says what went wrong, as HTML: announced at once."""
    return f'<b role="alert" class="flashsale-reading">{html.escape(text)}</b>'


def html_table(rows: tuple[tuple[str, ...], ...], pinned: tuple[tuple[str, ...], ...] = ()) -> str:
    """Rows of words as an HTML table, the first row as its head, and the same rows of a pinned result beside them.

    >>> html_table((("buyers who", "number"), ("paid", "5")))
    '<table><tr><th scope="col">buyers who</th><th scope="col">number</th></tr>\
<tr><th scope="row">paid</th><td>5</td></tr></table>'
    """
    known = {row[0]: row[1:] for row in pinned}
    lines = []
    for i, (name, *cells) in enumerate(rows):
        cells += [f"pinned: {c}" if i == 0 else c for c in known.get(name, ())]
        tag = '<th scope="col">{}</th>' if i == 0 else "<td>{}</td>"
        scope = "col" if i == 0 else "row"
        inner = "".join(tag.format(html.escape(c)) for c in cells)
        lines.append(f'<tr><th scope="{scope}">{html.escape(name)}</th>{inner}</tr>')
    return f"<table>{''.join(lines)}</table>" if lines else ""


def presenter(on: bool = True) -> None:
    """Larger text, sliders and pictures for the back row, in all that is shown and in all that comes; False: as before.

    A finished picture stays as it is until its cell runs again.

    >>> presenter()
    >>> canvas.presenting()
    True
    >>> presenter(False)
    """
    if on == canvas.presenting():
        return  # nothing to draw again
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
