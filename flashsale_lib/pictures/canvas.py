"""What every picture stands on: one style, two sizes, PNG without pyplot (no global state, nothing to close).

Every picture is a `Picture`: its text is the reading line with the numbers (strict nbval compares that), and a
front end that can shows the PNG. One that changes is a `LivePicture`: it keeps the drawn background and draws only
what moved.
"""

from __future__ import annotations

import io
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, NullFormatter
from PIL import Image

# Okabe and Ito's palette: told apart by colour-blind eyes. Pictures also label, hatch or dash: never colour alone.
INK, GREY, BLUE, SKY = "#1a1a1a", "#6b6b6b", "#0072B2", "#56B4E9"
GREEN, ORANGE, RED, PINK = "#009E73", "#E69F00", "#D55E00", "#CC79A7"
DEEP, LIGHT = "#005f45", "#cfcfcf"

LOOKS: tuple[tuple[str, Any], ...] = (
    (BLUE, "-"),
    (RED, "--"),
    (GREEN, "-."),
    (INK, ":"),
    (PINK, (0, (9, 2))),
    (ORANGE, (0, (4, 1.5, 1, 1.5, 1, 1.5))),
    (SKY, (0, (1.5, 3))),
)
"""Colour and dashes of the first, second, ... line of a picture: no two lines differ by their colour alone."""

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


MimeBundle: TypeAlias = tuple[dict[str, Any], dict[str, Any]]


def mime_bundle(text: str, png: bytes | None, **widget: Any) -> MimeBundle:
    """What a front end is handed: the widget it may draw, the picture, its words; and these again as its alt text.

    JupyterLab takes no notice of the alt text yet; nbconvert's pages carry it.
    """
    data = {**widget, "text/plain": text}
    return (data, {}) if png is None else ({**data, "image/png": png}, {"image/png": {"alt": text}})


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

    def _repr_mimebundle_(self, **_: Any) -> MimeBundle:
        return mime_bundle(self.reading, self.png())


@cache
def palette() -> Image.Image:
    """The 256 colours of every picture: ours, each on its way to white and to ink. Fixed, so that no frame has to find it."""
    steps = np.linspace(0, 1, 12)[:, np.newaxis]
    ours = [np.array(to_rgb(colour)) for colour in (INK, GREY, BLUE, SKY, GREEN, DEEP, ORANGE, RED, PINK, LIGHT)]
    ramps = [end + (colour - end) * steps for colour in ours for end in (np.ones(3), np.array(to_rgb(INK)))]
    colours = np.unique(np.round(255 * np.concatenate(ramps)).astype(np.uint8), axis=0)
    # Pillow looks colours up four levels at a time: nothing may stand so close to white as to be taken for it.
    colours = colours[(colours.min(axis=1) < 244) | (colours.min(axis=1) == 255)]
    image = Image.new("P", (1, 1))
    image.putpalette(np.resize(colours, (256, 3)).tobytes())
    return image


def encode(canvas: FigureCanvasAgg) -> bytes:
    """What is on the canvas as PNG, in our 256 colours and lightly compressed: sliders wait for it."""
    size = canvas.get_width_height()
    picture = Image.frombytes("RGB", size, canvas.buffer_rgba(), "raw", "RGBX")
    stream = io.BytesIO()
    picture.quantize(palette=palette(), dither=Image.Dither.NONE).save(stream, "png", compress_level=1)
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


def plain_ticks(axis: Any) -> None:
    """Tick labels without powers and offsets: 0.25, 2,000, 3 million."""
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x / 1e6:,.6g} M" if 1e6 <= abs(x) < 1e13 else f"{x:,.6g}"))


Result = TypeVar("Result")


class LivePicture(Picture, Generic[Result]):
    """A figure that stays: `update` moves its artists, and only those are drawn again.

    Subclasses put the moving artists into `self.moving` (they are then left out of the background). In `move` they set
    data, the reading line and the table (the same numbers as rows of words, the head first), and call `self.rescale()`
    when an axis limit changes, which costs one full drawing: or one of its axes, where `cells` says which part of the
    canvas belongs to them alone (left, bottom, right, top in pixels). `pin` keeps a result in sight, to compare with.
    """

    def __init__(self, figure: Figure) -> None:
        super().__init__(figure, "")
        self.table: tuple[tuple[str, ...], ...] = ()
        self.moving: list[Artist] = []
        self._canvas = FigureCanvasAgg(figure)
        self.cells: dict[Any, tuple[int, int, int, int]] = {}
        self._background: Any = None
        self._stale: dict[Any, Any] = {}
        self._kept: dict[Any, Any] = {}

    def move(self, result: Result) -> None:
        raise NotImplementedError

    def pin(self, result: Result | None) -> None:
        """Keep a result in the picture, pale, behind the present one; None takes it away."""
        raise NotImplementedError

    def rescale(self, axes: Any = None, key: Any = None) -> None:
        """Axes, ticks or labels have changed: draw the background again, or only the cell of one pair of axes.

        The cell is kept under the key (whatever its looks depend on), so that going back costs nothing.
        """
        if axes is None or axes not in self.cells:
            self._background = None
        else:
            self._stale[axes] = key

    def update(self, result: Result) -> None:
        """Show another result."""
        with rc_context(STYLE):
            self.move(result)

    def png(self) -> bytes:
        if self._background is None:
            for artist in self.moving:
                artist.set_animated(True)
            with rc_context(STYLE):
                self._canvas.draw()
            self._keep()
        renderer = self._canvas.get_renderer()
        self._canvas.restore_region(self._background)
        if self._stale:
            with rc_context(STYLE):
                for axes, key in self._stale.items():
                    self._draw_cell(axes, key, renderer)
            self._keep()
        for artist in self.moving:
            if artist.get_visible():
                artist.draw(renderer)
        return encode(self._canvas)

    def _keep(self) -> None:
        self._background = self._canvas.copy_from_bbox(self.figure.bbox)
        self._stale.clear()

    def _draw_cell(self, axes: Any, key: Any, renderer: Any) -> None:
        left, bottom, right, top = self.cells[axes]
        pixels = np.asarray(self._canvas.buffer_rgba())
        cell = pixels[pixels.shape[0] - top : pixels.shape[0] - bottom, left:right]
        if (axes, key) in self._kept:
            cell[...] = self._kept[axes, key]
            return
        cell[...] = 255
        axes.draw(renderer)
        if len(self._kept) >= 60:
            del self._kept[next(iter(self._kept))]
        self._kept[axes, key] = cell.copy()


# --- where things go: sizes in points (1/72 inch of the sheet), in which text has the same size in both modes ---------


def frame(figure: Figure, left: float, bottom: float, right: float, top: float) -> tuple[float, float, float, float]:
    """The rectangle for `add_axes` that leaves these margins, in inches of the sheet.

    >>> frame(new(10.0, 4.0), 1.0, 1.0, 1.0, 1.0)
    (0.1, 0.25, 0.8, 0.5)
    """
    wide, high = figure.get_size_inches()
    return (
        float(left / wide), float(bottom / high), float((wide - left - right) / wide), float((high - bottom - top) / high)
    )  # fmt: skip


@lru_cache(maxsize=4096)
def text_size(text: str, size: float = 12.0, bold: bool = False) -> tuple[float, float]:
    """Width and height of a text as pictures draw it, in points.

    >>> text_size("two\\nlines")[1] > text_size("x")[1]
    True
    """
    font = FontProperties(family=STYLE["font.family"], size=size, weight="bold" if bold else "normal")
    lines = text.split("\n")
    widths = [_RULER.get_text_width_height_descent(line or " ", font, False)[0] for line in lines]
    return 0.72 * max(widths) * 1.02, size * (1.2 * len(lines) + 0.2)


_RULER: Any = RendererAgg(8, 8, 100)


def wrapped(text: str, width: float, size: float = 12.0, bold: bool = False) -> str:
    """The text in as many lines as it takes to be at most `width` points wide; a word is never cut.

    >>> print(wrapped("buyers in the queue", 80))
    buyers in
    the queue
    """
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_size(longer, size, bold)[0] > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def size_of(axes: Any) -> tuple[float, float]:
    """Width and height of a pair of axes, in points."""
    box, (wide, high) = axes.get_position(), axes.figure.get_size_inches()
    return 72.0 * float(box.width * wide), 72.0 * float(box.height * high)


def boxes(axes: Any, x: Any, y: Any, half: float = 3.0) -> list[tuple[float, float, float, float]]:
    """Boxes around points (in data), for `put`: left, bottom, right, top in points from the axes' lower left corner."""
    wide, high = size_of(axes)
    data = np.column_stack([np.atleast_1d(x), np.atleast_1d(y)]).astype(np.float64)
    at = axes.transAxes.inverted().transform(axes.transData.transform(data)) * (wide, high)
    at = at[np.isfinite(at).all(axis=1)]
    return [(a - half, b - half, a + half, b + half) for a, b in at.tolist()]


def put(label: Text, at: tuple[float, float], taken: Any, away: float = 8.0, reach: int = 5) -> tuple[float, ...]:
    """Put a label next to a point (in data): inside its axes and off what is `taken`, as far as there is room.

    Of places at up to `reach` distances, the nearest that covers least. The label lives in `axes.transAxes` with its
    lower left corner as anchor. Returns its own box, as from `boxes`.
    """
    axes: Any = label.axes
    wide, high = size_of(axes)
    w, h = text_size(label.get_text(), float(label.get_fontsize()), label.get_fontweight() == "bold")
    (x, y, *_), *_ = boxes(axes, *at, half=0.0)
    others = np.array([*taken, (x - 4, y - 4, x + 4, y + 4)], dtype=np.float64)
    far = away * np.array([1.0, 2.0, 4.0, 7.0, 11.0])[:reach, np.newaxis, np.newaxis]
    left = np.concatenate([x + far, x - far - w, np.full_like(far, x - w / 2)], axis=1)
    bottom = np.concatenate([y + 0.7 * far, y - 0.7 * far - h, np.full_like(far, y - h / 2)], axis=1).transpose(0, 2, 1)
    places = np.broadcast_arrays(left, bottom, far)
    a, b = (
        np.maximum(np.minimum(p.ravel(), end), 2.0)
        for p, end in zip(places, (wide - w - 2, high - h - 2), strict=False)
    )
    across = np.minimum(others[:, 2], a[:, np.newaxis] + w) - np.maximum(others[:, 0], a[:, np.newaxis])
    up = np.minimum(others[:, 3], b[:, np.newaxis] + h) - np.maximum(others[:, 1], b[:, np.newaxis])
    covered = np.sum(np.maximum(across, 0.0) * np.maximum(up, 0.0), axis=1)
    best = int(np.argmin(np.round(covered + 4.0 * places[2].ravel(), 3)))
    label.set(x=a[best] / wide, y=b[best] / high)
    return float(a[best]), float(b[best]), float(a[best] + w), float(b[best] + h)
