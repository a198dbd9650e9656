"""Plain arrays: a plane of any of them, with contrast, colors and its histogram."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.display import boxes, pictures, plots
from vstore.display.html import Content, Markup, element, joined
from vstore.display.lines import one_line
from vstore.errors import InvalidInputError, NotFoundError
from vstore.reading.array import Array
from vstore.ui.layout import Page, choice, field, link
from vstore.ui.site import Site
from vstore.ui.web import FOREVER, Request, Response, address

_WINDOW = 2048
_SIZE = 768
_MOST_POINTS = 100_000
_BINS = 60


@dataclass(frozen=True, slots=True)
class View:
    """What is seen of an array: a place on each axis but the last two, and a window on those."""

    places: tuple[int, ...]
    top: int = 0
    left: int = 0

    def index(self, array: Array) -> tuple[Any, ...]:
        """Return the index that reads it."""
        if array.ndim < 2:
            return (slice(self.left, self.left + _MOST_POINTS),)[: array.ndim]
        rows = slice(self.top, self.top + _WINDOW)
        return (*self.places, rows, slice(self.left, self.left + _WINDOW))

    def query(self) -> dict[str, object]:
        """Return what of an address says so."""
        said: dict[str, object] = {f"i{axis}": place for axis, place in enumerate(self.places)}
        return said | {"top": self.top or None, "left": self.left or None}


def _view(array: Array, request: Request) -> View:
    places = []
    for axis, length in enumerate(array.shape[:-2]):
        place = request.number(f"i{axis}", length // 2)
        if place >= length:
            raise InvalidInputError(f"axis {axis} has {length:,} places, none at {place:,}")
        places.append(place)
    return View(tuple(places), request.number("top", 0), request.number("left", 0))


def array(site: Site, request: Request) -> Page:
    """Return a plane of an array, or a curve of one with a single axis."""
    _, commit, *rest = request.parts
    path = "/".join(rest)
    found = site.snapshot(commit).array(path)
    view = _view(found, request)
    values = _read(found, view)
    content = joined(
        _facts(found),
        _form(found, view, request),
        _shown(found, values, view, request),
        _histogram(values),
        boxes.attributes_of(found.attributes),
    )
    low, high = pictures.limits(values) if values.dtype.kind in "biuf" else (0.0, 0.0)
    data = {
        "path": path,
        "shape": list(found.shape),
        "dtype": str(found.dtype),
        "places": list(view.places),
        "least": low,
        "greatest": high,
    }
    trail = [("Contents", address("c", commit))]
    return Page(title=path, content=content, data=data, trail=trail, commit=commit)


def _read(array: Array, view: View) -> NDArray[Any]:
    if not all(array.shape):
        return np.zeros((0,), array.dtype)
    return np.asarray(array[view.index(array)])


def _facts(array: Array) -> Markup:
    metadata = array.metadata
    facts: dict[str, Content] = {
        "shape": " x ".join(f"{length:,}" for length in array.shape) or "one value",
        "data type": str(array.dtype),
        "chunks of": " x ".join(f"{length:,}" for length in metadata.chunk_shape),
    }
    drawn = plots.chunks(array.shape, metadata.chunk_shape, size=90)
    return element("div", boxes.facts(facts), drawn, class_="vstore-side")


def _form(array: Array, view: View, request: Request) -> Markup:
    """Return the controls: places, contrast and colors."""
    names = array.metadata.dimension_names or ()
    controls = []
    for axis, place in enumerate(view.places):
        name = (names[axis] if axis < len(names) else None) or f"axis {axis}"
        step = element("input", name=f"i{axis}", type="number", value=place, min=0)
        controls += [field(f"{name}", step), *_steps(array, view, request, axis)]
    for name, length in (("top", array.shape[-2:-1]), ("left", array.shape[-1:])):
        if length and length[0] > _WINDOW:
            at = element("input", name=name, type="number", value=getattr(view, name), min=0)
            controls.append(field(name, at))
    for name in ("low", "high"):
        at = element("input", name=name, value=request.query.get(name), placeholder="auto", size=8)
        controls.append(field(name, at))
    chosen = choice("map", list(pictures.MAPS), request.query.get("map", "viridis"))
    controls.append(field("colors", chosen))
    return element("form", *controls, element("button", "Show"), class_="filters")


def _steps(array: Array, view: View, request: Request, axis: int) -> list[Markup]:
    """Return links to the planes before and after, with the rest as it is."""
    found = []
    for sign, words, rel in ((-1, "‹", "prev"), (1, "›", "next")):  # noqa: RUF001 - arrows
        place = view.places[axis] + sign
        if 0 <= place < array.shape[axis]:
            query: dict[str, object] = {**view.query(), **_look(request), f"i{axis}": place}
            to = address(*request.parts, **query)
            last = rel if axis == len(view.places) - 1 else None
            found.append(link(words, to, rel=last, title=f"{rel} plane", class_="step"))
    return found


def _look(request: Request) -> dict[str, object]:
    return {name: request.query.get(name) for name in ("low", "high", "map")}


def _shown(array: Array, values: NDArray[Any], view: View, request: Request) -> Markup:
    if values.ndim == 2 and values.size and values.dtype.kind in "biuf":
        times = max(1, _SIZE // max(values.shape))
        query = {**view.query(), **_look(request)}
        src = address("slice", *request.parts[1:], **query)
        said = f"plane {', '.join(map(str, view.places))} of {array.path}".replace(
            "plane  of", "plane of"
        )
        height, width = (length * times for length in pictures.shrunk(values, _SIZE).shape[:2])
        return element(
            "img", src=src, alt=said, width=width, height=height,
            class_="vstore-pixels" if times > 1 else None,
        )  # fmt: skip
    if values.ndim == 1 and values.dtype.kind in "biuf" and values.size > 1:
        step = max(1, values.size // 800)
        points = values[::step].astype(np.float64).tolist()
        return plots.curve(points, width=800, height=160)
    return element("pre", one_line(values) if values.ndim else str(values))


def _histogram(values: NDArray[Any]) -> Markup | None:
    if values.dtype.kind not in "biuf" or values.size < 2:
        return None
    numbers = values.astype(np.float64).ravel()
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size:
        return boxes.note("no number is finite")
    counts, _ = np.histogram(numbers, bins=_BINS)
    said = f"{numbers.min():.6g} to {numbers.max():.6g}, mean {numbers.mean():.6g}"
    drawn = plots.bars(counts.tolist(), width=360, height=60, label=f"histogram: {said}")
    return element("figure", drawn, element("figcaption", said))


def slice_picture(site: Site, request: Request) -> Response:
    """Return a plane of an array as a picture, of any contrast."""
    _, commit, *rest = request.parts
    found = site.snapshot(commit).array("/".join(rest))
    values = _read(found, _view(found, request))
    if values.ndim != 2 or not values.size or values.dtype.kind not in "biuf":
        raise NotFoundError("there is no picture of this array")
    small = pictures.shrunk(values, _SIZE)
    low, high = pictures.limits(small)
    scale = (_or(request.real("low"), low), _or(request.real("high"), high))
    name = request.query.get("map", "viridis")
    if name not in pictures.MAPS:
        raise InvalidInputError(f"the colors are one of {', '.join(pictures.MAPS)}, not {name!r}")
    data = pictures.png(pictures.colored(small, scale=scale, map_name=name))
    return Response(data, kind="image/png", headers=[FOREVER])


def _or(given: float | None, default: float) -> float:
    return default if given is None else given
