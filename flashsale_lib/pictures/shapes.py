"""Pictures as lists of plain shapes: one description, shown as SVG while it is live and drawn by matplotlib to be stored.

Coordinates are units of the picture, from its top left corner, x to the right and y down. Both renderers walk the same
list and take every position, width and text from it, so the live picture and the stored one cannot drift apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any, TypeAlias

from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Polygon

from .canvas import GREY, INK

Point: TypeAlias = tuple[float, float]
FONTS = "DejaVu Sans, Verdana, Arial, sans-serif"
BROWN = "#8a3c00"
OUTLINE = 1.2
"""Width of the dark line around an arrow: light colours stay visible on white."""


@dataclass(frozen=True)
class Box:
    """A rectangle; dashed for a part that is not there."""

    x: float
    y: float
    width: float
    height: float
    fill: str = "white"
    edge: str = INK
    line: float = 1.5
    dashed: bool = False
    radius: float = 0.0


@dataclass(frozen=True)
class Line:
    """A line through points."""

    points: tuple[Point, ...]
    width: float = 1.5
    colour: str = INK


@dataclass(frozen=True)
class Arrow:
    """An arrow along points; the last one is its tip. Width 0 is no flow: a dashed hairline with an empty head.

    >>> shaft, head, inner = Arrow(((0, 0), (100, 0)), width=10).parts()
    >>> shaft[-1], head[1], inner[-1]
    ((89.0, 0.0), (100, 0), (91.0, 0.0))
    """

    points: tuple[Point, ...]
    width: float
    fill: str = GREY

    def parts(self) -> tuple[tuple[Point, ...], tuple[Point, Point, Point], tuple[Point, ...]]:
        """The shaft; the corners of the head: side, tip, side; the shaft's inside, which opens into the head."""
        (x0, y0), (x1, y1) = self.points[-2:]
        length = math.hypot(x1 - x0, y1 - y0)
        along = ((x1 - x0) / length, (y1 - y0) / length)
        deep, wide = min(7.0 + 0.4 * self.width, 0.8 * length), 0.5 * self.width + 5.0
        foot = (x1 - along[0] * deep, y1 - along[1] * deep)
        sides = [(foot[0] - side * along[1] * wide, foot[1] + side * along[0] * wide) for side in (1.0, -1.0)]
        into = (foot[0] + 2.0 * along[0], foot[1] + 2.0 * along[1])
        return (*self.points[:-1], foot), (sides[0], (x1, y1), sides[1]), (*self.points[:-1], into)


@dataclass(frozen=True)
class Words:
    """One line of text; y is its baseline, anchor is start, middle or end."""

    x: float
    y: float
    text: str
    size: float = 14.0
    bold: bool = False
    anchor: str = "start"
    colour: str = INK


@dataclass(frozen=True)
class Hatch:
    """Slanting lines across a rectangle: says by texture what a colour says.

    >>> Hatch(0, 0, 8, 4, gap=4).strokes()
    [((0.0, 4.0), (4.0, 0.0)), ((4.0, 4.0), (8.0, 0.0))]
    """

    x: float
    y: float
    width: float
    height: float
    colour: str = INK
    gap: float = 7.0

    def strokes(self) -> list[tuple[Point, Point]]:
        """The lines, each from its lower to its upper end, cut at the rectangle."""
        lines = []
        for i in range(1, math.ceil((self.width + self.height) / self.gap)):
            right = i * self.gap - self.height  # where the line stands at the bottom, from the left edge
            low, high = max(0.0, -right), min(self.height, self.width - right)  # heights at which it enters and leaves
            bottom, left = self.y + self.height, self.x + right
            lines.append(((float(left + low), float(bottom - low)), (float(left + high), float(bottom - high))))
        return lines


Shape: TypeAlias = Box | Line | Arrow | Words | Hatch


def meter(x: float, y: float, width: float, level: float, colour: str, best: float = math.inf) -> list[Shape]:
    """A bar that is full at level 1 and capped there. A tick marks the level `best`; beyond it the bar is hatched.

    >>> [type(shape).__name__ for shape in meter(0, 0, 100, 0.8, "#009E73", best=0.5)]
    ['Box', 'Box', 'Box', 'Hatch', 'Line', 'Line']
    """
    height, filled = 20.0, width * min(max(level, 0.0), 1.0)
    tick = width * min(best, 1.0)
    shapes: list[Shape] = [Box(x, y, width, height)]
    if filled > 0.0:
        shapes.append(Box(x, y, min(filled, tick), height, fill=colour, line=0))
    if filled > tick:
        shapes.append(Box(x + tick, y, filled - tick, height, fill="#f4d3ba", line=0))
        shapes.append(Hatch(x + tick, y, filled - tick, height, colour=BROWN))
    if filled > 0.0:
        shapes.append(Line(((x + filled, y), (x + filled, y + height)), 2.5))
    if best < 1.0:
        shapes.append(Line(((x + tick, y - 5), (x + tick, y + height + 5)), 2.5))
    return shapes


# --- SVG --------------------------------------------------------------------------------------------------------------


def to_svg(shapes: Iterable[Shape], width: float, height: float, *, title: str, description: str, key: str) -> str:
    """The shapes as one accessible SVG element; `key` makes its ids unique on the page.

    >>> to_svg([Words(5, 20, "Q & A")], 100, 30, title="A", description="B", key="x").count("Q &amp; A")
    1
    """
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="100%" role="img" '
        f'aria-labelledby="{key}-title" aria-describedby="{key}-text" font-family="{FONTS}" '
        f'style="display:block;height:auto;background:white">'
        f'<title id="{key}-title">{escape(title)}</title><desc id="{key}-text">{escape(description)}</desc>'
        f'<rect width="{width:g}" height="{height:g}" fill="white"/>{"".join(map(_element, shapes))}</svg>'
    )


def _element(shape: Shape) -> str:
    match shape:
        case Box(x, y, width, height, fill, edge, line, dashed, radius):
            dash = ' stroke-dasharray="7 5"' if dashed else ""
            return (
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius:g}" '
                f'fill="{fill}" stroke="{edge}" stroke-width="{line:g}"{dash}/>'
            )
        case Line(points, width, colour):
            return f'<polyline points="{_joined(points)}" fill="none" stroke="{colour}" stroke-width="{width:g}"/>'
        case Arrow(_, width, fill):
            shaft, head, inside = shape.parts()
            if width == 0:
                return (
                    f'<polyline points="{_joined(shaft)}" fill="none" stroke="{GREY}" stroke-width="{OUTLINE}" '
                    f'stroke-dasharray="4 4"/><polygon points="{_joined(head)}" fill="white" stroke="{GREY}" '
                    f'stroke-width="{OUTLINE}"/>'
                )
            thick = f'fill="none" stroke-linejoin="round" stroke-width="{width + 2 * OUTLINE:.2f}"'
            inner = f'fill="none" stroke-linejoin="round" stroke-width="{width:.2f}"'
            return (
                f'<polyline points="{_joined(shaft)}" stroke="{INK}" {thick}/>'
                f'<polygon points="{_joined(head)}" fill="{fill}" stroke="{INK}" stroke-width="{OUTLINE}"/>'
                f'<polyline points="{_joined(inside)}" stroke="{fill}" {inner}/>'
            )
        case Words(x, y, text, size, bold, anchor, colour):
            weight = ' font-weight="bold"' if bold else ""
            return (
                f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}" fill="{colour}"{weight}>'
                f"{escape(text)}</text>"
            )
        case Hatch():
            path = "".join(f"M{a:.1f} {b:.1f}L{c:.1f} {d:.1f}" for (a, b), (c, d) in shape.strokes())
            return f'<path d="{path}" stroke="{shape.colour}" stroke-width="1.5"/>' if path else ""


def _joined(points: Iterable[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


# --- matplotlib -------------------------------------------------------------------------------------------------------


def draw(axes: Any, shapes: Iterable[Shape], width: float, height: float) -> None:
    """Draw the shapes on a pair of axes, whose box should have the picture's proportions."""
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    points = 72 * axes.figure.get_size_inches()[0] * axes.get_position().width / width  # to a unit
    for order, shape in enumerate(shapes, 2):
        _draw(axes, shape, points, order)


def _draw(axes: Any, shape: Shape, points: float, order: int) -> None:
    def line(path: Iterable[Point], wide: float, colour: str, style: Any = "-") -> None:
        x, y = zip(*path, strict=True)
        axes.add_line(
            Line2D(
                x, y, linewidth=wide * points, color=colour, linestyle=style, solid_capstyle="butt",
                dash_capstyle="butt", solid_joinstyle="round", zorder=order,
            )
        )  # fmt: skip

    def head(corners: Iterable[Point], fill: str, edge: str) -> None:
        patch = Polygon(list(corners), facecolor=fill, edgecolor=edge, linewidth=OUTLINE * points, zorder=order)
        axes.add_patch(patch)

    match shape:
        case Box(x, y, width, height, fill, edge, wide, dashed, radius):
            style = (0, (7 / wide, 5 / wide)) if dashed and wide else "-"
            patch = FancyBboxPatch(
                (x, y), width, height, boxstyle=f"round,pad=0,rounding_size={radius or 1e-6}", facecolor=fill,
                edgecolor=edge, linewidth=wide * points, linestyle=style, zorder=order,
            )  # fmt: skip
            axes.add_patch(patch)
        case Line(path, wide, colour):
            line(path, wide, colour)
        case Arrow(_, wide, fill):
            shaft, corners, inside = shape.parts()
            if wide == 0:
                line(shaft, OUTLINE, GREY, (0, (4 / OUTLINE, 4 / OUTLINE)))
                head(corners, "white", GREY)
                return
            line(shaft, wide + 2 * OUTLINE, INK)
            head(corners, fill, INK)
            line(inside, wide, fill)
        case Words(x, y, text, size, bold, anchor, colour):
            aligned = {"start": "left", "middle": "center", "end": "right"}[anchor]
            axes.text(
                x, y, text, fontsize=size * points, fontweight="bold" if bold else "normal", ha=aligned,
                va="baseline", color=colour, zorder=order,
            )  # fmt: skip
        case Hatch():
            for stroke in shape.strokes():
                line(stroke, 1.5, shape.colour)
