"""What every picture stands on: one style, two sizes, PNG without pyplot (no global state, nothing to close).

Every picture is a `Picture`: its text is the reading line with the numbers (strict nbval compares that), and a
front end that can shows the PNG. One that changes is a `LivePicture`: it keeps the drawn background and draws only
what moved.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from PIL import Image

# Okabe and Ito's palette: told apart by colour-blind eyes. Pictures also label, hatch or dash: never colour alone.
INK, GREY, BLUE, SKY = "#1a1a1a", "#6b6b6b", "#0072B2", "#56B4E9"
GREEN, ORANGE, RED, PINK = "#009E73", "#E69F00", "#D55E00", "#CC79A7"

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "lines.linewidth": 2.2,
    "legend.frameon": False,
    "legend.fontsize": 11.5,
    "figure.facecolor": "white",
    "figure.dpi": 100,
}


PRESENTER = 1.25
"""How much larger text and lines are in presenter mode."""
_scale = 1.0


def presenter(on: bool = True) -> None:
    """Make every picture drawn from here on readable from the back row (`fs.controls.presenter` does it to all)."""
    global _scale
    _scale = PRESENTER if on else 1.0


def presenting() -> bool:
    """Whether presenter mode is on."""
    return _scale > 1.0


def new(width: float, height: float) -> Figure:
    """An empty figure for a page `width` by `height` inches at 100 dots per inch; call it within `rc_context(STYLE)`.

    Presenter mode puts the same page on a smaller sheet with more dots per inch: all that is on it grows.
    """
    return Figure(figsize=(width / _scale, height / _scale), dpi=100 * _scale**2)


class Picture:
    """A finished figure and its reading line, which is also its text alternative."""

    def __init__(self, figure: Figure, reading: str) -> None:
        self.figure = figure
        self.reading = reading

    def __repr__(self) -> str:
        return self.reading

    def png(self) -> bytes:
        """The figure as PNG, the same bytes every time."""
        with rc_context(STYLE):
            canvas = FigureCanvasAgg(self.figure)
            canvas.draw()
        return encode(canvas)

    def save(self, path: str | Path) -> None:
        """Write the figure for print: 300 dots per inch, or lines and text where the name ends in .pdf or .svg."""
        with rc_context({**STYLE, "svg.hashsalt": "flash sale"}):
            self.figure.savefig(path, dpi=300)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"text/plain": self.reading, "image/png": self.png()}


def encode(canvas: FigureCanvasAgg) -> bytes:
    """What is on the canvas as PNG, in 256 colours and lightly compressed: sliders wait for it, and it is half the work."""
    picture = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba(), "raw", "RGBA", 0, 1)
    stream = io.BytesIO()
    picture.quantize(256, method=Image.Quantize.FASTOCTREE).save(stream, "png", compress_level=1)
    return stream.getvalue()


def round_up(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten: axis limits that seldom have to move."""
    if not value > 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= value * (1 - 1e-9)))


def plain_log(axis: Any) -> None:
    """Tick labels 0.1, 1, 10 on a logarithmic axis, without powers."""
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,g}"))
    axis.set_minor_formatter(NullFormatter())


def thousands(axis: Any) -> None:
    """Tick labels with a comma between thousands."""
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))


Shown = TypeVar("Shown")


class LivePicture(Picture, Generic[Shown]):
    """A figure that stays: `update` moves its artists, and only those are drawn again.

    Subclasses put the moving artists into `self.moving` (they are then left out of the background), set data in
    `move`, and call `self.rescale()` there when an axis limit changes, which costs one full drawing.
    """

    def __init__(self, figure: Figure) -> None:
        super().__init__(figure, "")
        self.moving: list[Artist] = []
        self._canvas = FigureCanvasAgg(figure)
        self._background: Any = None

    def move(self, result: Shown) -> None:
        raise NotImplementedError

    def rescale(self) -> None:
        """Forget the background: axes, ticks or labels have changed."""
        self._background = None

    def update(self, result: Shown) -> None:
        """Show another result."""
        with rc_context(STYLE):
            self.move(result)

    def png(self) -> bytes:
        with rc_context(STYLE):
            if self._background is None:
                for artist in self.moving:
                    artist.set_animated(True)
                self._canvas.draw()
                self._background = self._canvas.copy_from_bbox(self.figure.bbox)
            self._canvas.restore_region(self._background)
            renderer = self._canvas.get_renderer()
            for artist in self.moving:
                if artist.get_visible():
                    artist.draw(renderer)
        return encode(self._canvas)
