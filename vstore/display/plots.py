"""Small plots as SVG: curves, bars, and how arrays are cut into chunks."""

from collections.abc import Sequence
from typing import NamedTuple

from vstore.display.html import Markup, element, joined

_MOST_LINES = 24


def curve(values: Sequence[float], *, width: int = 120, height: int = 28) -> Markup:
    """Return numbers as a curve; those that are not finite interrupt it."""
    finite = [value for value in values if value - value == 0]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    span = (high - low) or 1.0
    step = (width - 2) / max(len(values) - 1, 1)
    parts, is_down = [], False
    for i, value in enumerate(values):
        if value - value != 0:
            is_down = False
            continue
        y = height - 2 - (value - low) / span * (height - 4)
        parts.append(f"{'L' if is_down else 'M'}{1 + i * step:.1f} {y:.1f}")
        is_down = True
    path = element("path", d="".join(parts), class_="vstore-curve")
    return _svg(path, width=width, height=height, label=f"from {low:.6g} to {high:.6g}")


def bars(counts: Sequence[int], *, width: int = 120, height: int = 28, label: str = "") -> Markup:
    """Return counts as bars."""
    most = max(counts, default=0) or 1
    wide = width / max(len(counts), 1)
    shapes = [
        element(
            "rect",
            x=f"{i * wide:.2f}",
            y=f"{height - count / most * (height - 1):.1f}",
            width=f"{max(wide - 0.6, 0.4):.2f}",
            height=f"{count / most * (height - 1):.1f}",
            class_="vstore-bar",
        )
        for i, count in enumerate(counts)
        if count
    ]
    return _svg(*shapes, width=width, height=height, label=label or f"{len(counts)} bars")


def _svg(*shapes: Markup, width: float, height: float, label: str) -> Markup:
    return element(
        "svg",
        *shapes,
        width=f"{width:.0f}",
        height=f"{height:.0f}",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        role="img",
        aria_label=label,
        class_="vstore-draw",
    )


class _Side(NamedTuple):
    """An axis as it is drawn: how long, and where it is cut."""

    length: float
    cuts: list[float]


def chunks(shape: Sequence[int], chunk_shape: Sequence[int], *, size: int = 120) -> Markup:
    """Return how an array is cut into chunks: its last three axes, the first of them in depth.

    Nothing is drawn of an array without elements, or without axes.
    """
    if not shape or not all(shape):
        return Markup()
    axes = list(zip(shape, chunk_shape, strict=True))[-3:]
    longest = max(length for length, _ in axes)
    sides = [_side(length, chunk, longest, size) for length, chunk in axes]
    if len(sides) == 1:
        sides = [_Side(22, []), *sides]
    depth = _Side(sides[0].length * 0.35, [cut * 0.35 for cut in sides[0].cuts])
    if len(sides) == 2:
        depth = _Side(0, [])
    tall, wide = sides[-2:]
    return _drawn(depth, tall, wide, label=f"chunks of {' x '.join(map(str, chunk_shape))}")


def _side(length: int, chunk: int, longest: int, size: int) -> _Side:
    drawn = max(size * (length / longest) ** 0.4, 12)
    count = -(-length // max(chunk, 1))
    if count > _MOST_LINES:
        return _Side(drawn, [drawn * i / _MOST_LINES for i in range(1, _MOST_LINES)])
    return _Side(drawn, [drawn * i * chunk / length for i in range(1, count)])


def _drawn(depth: _Side, tall: _Side, wide: _Side, *, label: str) -> Markup:
    """Return a box seen from in front, its depth going up and to the right."""
    d, h, w = depth.length, tall.length, wide.length
    top = d + 1
    front = _outline([(1, top), (1 + w, top), (1 + w, top + h), (1, top + h)])
    lines = [_line(1, top + y, 1 + w, top + y) for y in tall.cuts]
    lines += [_line(1 + x, top, 1 + x, top + h) for x in wide.cuts]
    faces = [front]
    if d:
        faces.append(_outline([(1, top), (1 + d, 1), (1 + d + w, 1), (1 + w, top)]))
        faces.append(_outline([(1 + w, top), (1 + d + w, 1), (1 + d + w, 1 + h), (1 + w, top + h)]))
        lines += [_line(1 + x, top, 1 + x + d, 1) for x in wide.cuts]
        lines += [_line(1 + w, top + y, 1 + w + d, 1 + y) for y in tall.cuts]
        for z in depth.cuts:
            lines.append(_line(1 + z, top - z, 1 + z + w, top - z))
            lines.append(_line(1 + w + z, top - z, 1 + w + z, top - z + h))
    return _svg(*faces, joined(*lines), width=w + d + 2, height=h + d + 2, label=label)


def _outline(corners: Sequence[tuple[float, float]]) -> Markup:
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in corners)
    return joined(
        element("path", d=f"M{path}Z", class_="vstore-fill"), element("path", d=f"M{path}Z")
    )


def _line(x1: float, y1: float, x2: float, y2: float) -> Markup:
    path = f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"
    return element("path", d=path, class_="vstore-thin")
