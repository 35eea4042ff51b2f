"""Artists that move, and are drawn faster than matplotlib's own: labels and bars painted as pixels, areas as one shape."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import to_rgb
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.patches import Polygon, Rectangle
from matplotlib.text import Text
from PIL import ImageFont

from .canvas import STYLE


class Painted(Artist):
    """Puts itself straight onto a canvas of pixels, and is matplotlib's own anywhere else."""

    def draw(self, renderer: Any) -> None:
        if not self.get_visible():
            return
        if isinstance(renderer, RendererAgg):
            self.paint(np.asarray(renderer.buffer_rgba()), renderer)
        else:  # for print
            super().draw(renderer)

    def paint(self, pixels: Any, renderer: RendererAgg) -> None:
        """Change the pixels (rows from the top, columns, RGBA) of the canvas that the renderer draws on."""
        raise NotImplementedError


class Label(Painted, Text):
    """A text that moves. Pillow draws it straight onto the canvas, in a tenth of the time matplotlib takes.

    As in matplotlib, but always upright, and `bbox` is a plain rectangle of one colour.
    """

    def paint(self, pixels: Any, renderer: RendererAgg) -> None:
        if not self.get_text():
            return
        x, y = self.get_transform().transform(self.get_unitless_position())
        font = _font(round(renderer.points_to_pixels(self.get_fontsize()), 1), self.get_fontweight() == "bold")
        ascent, descent = font.getmetrics()
        lines = [(line, _length(line, font)) for line in self.get_text().split("\n")]
        height, width = (ascent + descent) * len(lines), max(length for _, length in lines)
        above = {"top": 0.0, "center": 0.5, "center_baseline": 0.5, "bottom": 1.0, "baseline": 1.0}[
            self.get_verticalalignment()
        ]
        before = {"left": 0.0, "center": 0.5, "right": 1.0}[self.get_horizontalalignment()]
        top, left = renderer.height - y - above * height, x - before * width
        box = self.get_bbox_patch()
        if box is not None:
            pad = 0.15 * (ascent + descent)
            rows = slice(max(round(top - pad), 0), max(round(top + height + pad), 0))
            columns = slice(max(round(left - pad), 0), max(round(left + width + pad), 0))
            pixels[rows, columns, :3] = np.round(255 * np.array(to_rgb(box.get_facecolor())))
        ink = 255 * np.array(to_rgb(self.get_color()), dtype=np.float32)
        for i, (line, length) in enumerate(lines):
            _blend(pixels, line, font, ink, left + before * (width - length), top + i * (ascent + descent))


@cache
def _font(size: float, bold: bool) -> ImageFont.FreeTypeFont:
    properties = FontProperties(family=STYLE["font.family"], weight="bold" if bold else "normal")
    return ImageFont.truetype(findfont(properties), size)


@lru_cache(maxsize=512)
def _length(line: str, font: ImageFont.FreeTypeFont) -> float:
    return font.getlength(line)


@lru_cache(maxsize=512)
def _covered(line: str, font: ImageFont.FreeTypeFont) -> tuple[Any, int, int]:
    """How much of each pixel one line of text covers, from 0 to 1, and where that begins; most words come again."""
    mask, (right, down) = font.getmask2(line, mode="L")
    cover = np.asarray(mask, dtype=np.float32).reshape(mask.size[::-1]) / 255
    return cover[..., np.newaxis], right, down


def _blend(pixels: Any, line: str, font: ImageFont.FreeTypeFont, ink: Any, left: float, top: float) -> None:
    """Put one line of text into an RGBA picture, cut off at its edges."""
    cover, right, down = _covered(line, font)
    row, column = round(top + down), round(left + right)
    cover = cover[max(-row, 0) : max(pixels.shape[0] - row, 0), max(-column, 0) : max(pixels.shape[1] - column, 0)]
    row, column = max(row, 0), max(column, 0)
    part = pixels[row : row + cover.shape[0], column : column + cover.shape[1], :3]
    part[...] = part + cover * (ink - part)


class Bar(Painted, Rectangle):
    """A bar whose ends move along x: a window into a strip, hatched once in its full width, which takes no time to cut.

    Its axes must lie on white and go from x = 0 to 1.
    """

    _strip: tuple[Any, Any] = (None, None)

    def paint(self, pixels: Any, renderer: RendererAgg) -> None:
        (left, bottom), (right, top) = self.get_transform().transform([(0, 0), (1, 1)])
        rows = slice(round(renderer.height - top), round(renderer.height - bottom))
        key = (rows.start, rows.stop, renderer.width)
        if self._strip[0] != key:
            x, width = self.get_x(), self.get_width()
            page = RendererAgg(renderer.width, renderer.height, renderer.dpi)
            strip = np.asarray(page.buffer_rgba())
            strip[...] = 255
            self.set(x=0.0, width=1.0)
            Rectangle.draw(self, page)
            self.set(x=x, width=width)
            self._strip = key, strip[rows].copy()
        columns = slice(round(left), round(right))
        pixels[rows, columns] = self._strip[1][:, columns]


class Shade(Polygon):
    """The area between a curve and a level; filled as one shape, which is quicker than `fill_between`."""

    def __init__(self, colour: str, alpha: float) -> None:
        super().__init__(np.ones((2, 2)), facecolor=colour, alpha=alpha, edgecolor="none", linewidth=0)

    def under(self, x: Any, y: Any, level: float = 0.0) -> None:
        """Fill from the level to the curve; nothing where it has no number."""
        y = np.where(np.isfinite(y), y, level)
        ends = x[[-1, 0]] if len(x) else x
        self.set_xy(np.column_stack([np.append(x, ends), np.append(y, np.full(len(ends), level))]))
