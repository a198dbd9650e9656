"""How conflicts are answered, alike in vstore and in the model."""

import random
from collections.abc import Callable
from typing import Any

import vstore
from tests.merging.model.rules import ABSENT, Answer, Clash, Instead, Place
from tests.merging.model.values import cell, given
from vstore import Conflict, Use

MODES = (None, "ours", "theirs", "function")
"""No answer, always one side, or now this and now that, with values of its own."""


def place_of(conflict: Conflict) -> Place:
    """Return what tells a conflict of vstore from others, as the model does."""
    kind = "changed" if conflict.kind == "added" else conflict.kind
    sample = conflict.sample
    return conflict.path, kind, tuple(sample) if isinstance(sample, list) else sample


def answering(mode: str | None) -> Callable[[Clash], Answer]:
    """Return who answers the model's conflicts."""
    if mode == "function":
        return _answer
    return lambda _: mode


def _answer(clash: Clash) -> Answer:
    chance = random.Random(repr(clash.place))
    options: list[Answer] = ["ours", "theirs"]
    if clash.is_value and clash.base is not ABSENT and (clash.base, clash.kind) != (None, "schema"):
        options.append(Instead(clash.base))
    if clash.kind == "attribute":
        options.append(Instead("chosen"))
    return chance.choice(options)


def resolution(mode: str | None, answers: dict[Place, tuple[Clash, Answer]]) -> Any:
    """Return what vstore is given, so that it answers as the model did."""
    if mode != "function":
        return mode

    def resolve(conflict: Conflict) -> Any:
        place = place_of(conflict)
        found = answers.get(place) or _of_whole_table(place, answers)
        clash, answer = found or (Clash(*place), _answer(Clash(*place)))
        if isinstance(answer, Instead):
            return Use(given(answer.value) if _is_cell(clash) else answer.value)
        return answer

    return resolve


def _of_whole_table(
    place: Place, answers: dict[Place, tuple[Clash, Answer]]
) -> tuple[Clash, Answer] | None:
    """Return the answer about a whole table, which may be told before the table gets its path."""
    whole = [found for other, found in answers.items() if other[1:] == ("changed", None)]
    return whole[0] if place[1:] == ("changed", None) and len(whole) == 1 else None


def _is_cell(clash: Clash) -> bool:
    return clash.kind in ("changed", "added")


def values_apart(conflict: Conflict, clash: Clash) -> bool:
    """Return whether a conflict tells other values than the model knows, through no cast."""
    if not clash.is_value:
        return False
    pairs = [
        (conflict.base, clash.base),
        (conflict.ours, clash.ours),
        (conflict.theirs, clash.theirs),
    ]
    return any(_is_apart(found, expected, clash) for found, expected in pairs)


def _is_apart(found: Any, expected: Any, clash: Clash) -> bool:
    if expected is ABSENT:
        return found is not None
    if not _is_cell(clash):
        return bool(found != expected)
    held = cell(found)
    if isinstance(held, tuple) and isinstance(expected, tuple):
        return held[0] == expected[0] and held != expected
    if isinstance(clash.sample, tuple) and isinstance(expected, int):
        return bool(found != expected)
    return bool(held != expected)


__all__ = ["MODES", "answering", "place_of", "resolution", "values_apart", "vstore"]
