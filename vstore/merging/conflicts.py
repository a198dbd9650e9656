"""Conflicts as values, and how they are resolved."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from vstore.errors import ConflictError, InvalidInputError
from vstore.faces import exported_from
from vstore.history.decisions import Decision
from vstore.lazy import lazy
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore.merging import boxes
else:
    boxes = lazy("vstore.merging.boxes")

Choice = Literal["ours", "theirs"]
Kind = Literal["changed", "added", "deleted", "schema", "attribute"]


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class Use:
    """The answer of a resolver that wants neither side's value but its own."""

    value: Any


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class Conflict:
    """Two changes that exclude each other.

    `path` names the column, table, array or group, `sample` the key (position without
    keys) where samples collide. `kind` says what collided: both `changed` or both `added`
    a value, one `deleted` what the other changed, `schema`, or `attribute`. `base`, `ours`
    and `theirs` are the values; None where there is none.
    """

    path: str
    kind: Kind
    sample: Any = None
    base: Any = None
    ours: Any = None
    theirs: Any = None
    note: str = ""

    def __repr__(self) -> str:
        return f"<vstore.Conflict {self}>"

    def _repr_html_(self) -> str:
        return boxes.conflict_box(self)

    def __str__(self) -> str:
        where = self.path if self.sample is None else f"{self.path} of sample {self.sample!r}"
        return printable(f"{where}: {self.note or self.kind + ' on both sides'}")

    def to_dict(self) -> dict[str, Any]:
        """Return the conflict as plain values; samples' values are left out."""
        return {"path": self.path, "kind": self.kind, "sample": self.sample, "note": str(self)}


@dataclass(frozen=True, slots=True)
class Answers:
    """What a merge does for each answer to a conflict; for `ours` it does nothing."""

    theirs: Callable[[], None]
    """Put what theirs has in the place of ours, also where it has nothing."""
    base: Callable[[], None]
    """Put what the base had in the place of ours, so that whoever differs from it conflicts."""
    value: Callable[[Any], None] | None = None
    """Put a resolver's own value there, where the thing has a value."""


@dataclass(frozen=True, slots=True)
class AsItWas:
    """The answer that keeps what the base had: that of a merge of several bases."""


Resolver = Callable[[Conflict], Choice | Use]
Resolution = Choice | Resolver | Mapping[str, Choice | Resolver]
"""`ours`, `theirs`, a function of the conflict, or one of these for each path."""


Answer = Choice | Use | AsItWas | None


def resolver_for(
    resolution: Resolution | Callable[[Conflict], Answer] | None,
) -> Callable[[Conflict], Answer]:
    """Return a function that answers a conflict; None where nothing was said of it.

    In a mapping the longest path that the conflict is at or below decides.
    """
    if resolution is None:
        return lambda _: None
    if isinstance(resolution, str):
        return _constant(resolution)
    if isinstance(resolution, Mapping):
        return _by_path(resolution)
    if not callable(resolution):
        raise InvalidInputError(
            "resolve takes 'ours', 'theirs', a function or a mapping of paths; got "
            f"{type(resolution).__name__}"
        )
    return resolution


def _constant(choice: str) -> Callable[[Conflict], Choice]:
    if choice == "ours":
        return lambda _: "ours"
    if choice == "theirs":
        return lambda _: "theirs"
    raise InvalidInputError(f"resolve takes 'ours', 'theirs' or a function, not {choice!r}")


def _by_path(paths: Mapping[str, Any]) -> Callable[[Conflict], Answer]:
    resolvers = {path.strip("/"): resolver_for(value) for path, value in paths.items()}

    def resolve(conflict: Conflict) -> Answer:
        fitting = [
            path for path in resolvers if f"{conflict.path}/".startswith(f"{path}/") or not path
        ]
        return resolvers[max(fitting, key=len)](conflict) if fitting else None

    return resolve


class Conflicts:
    """Collects conflicts while a merge is computed, resolving those it can."""

    def __init__(self, resolve: Callable[[Conflict], Answer]) -> None:
        self._resolve = resolve
        self.found: list[Conflict] = []
        self.unresolved: list[Conflict] = []
        self.decisions: list[Decision] = []

    def add(self, conflict: Conflict, answers: Answers) -> None:
        """Take a conflict: resolve it now, or keep it as unresolved.

        Raises:
            InvalidInputError: the resolver answers with what is no answer to this conflict.
        """
        self.found.append(conflict)
        answer = self._resolve(conflict)
        self._note(conflict, answer)
        if answer is None:
            self.unresolved.append(conflict)
        elif answer == "theirs":
            answers.theirs()
        elif isinstance(answer, AsItWas):
            answers.base()
        elif isinstance(answer, Use):
            if answers.value is None:
                raise InvalidInputError(
                    f"the conflict at {conflict.path!r} is not about a value ({conflict.note}): a "
                    f"resolver answers 'ours' or 'theirs', not {answer!r}"
                )
            answers.value(answer.value)
        elif answer != "ours":
            raise InvalidInputError(
                f"a resolver answers 'ours', 'theirs' or Use(value), not {answer!r}"
            )

    def _note(self, conflict: Conflict, answer: Answer) -> None:
        """Note how a conflict was decided, unless it was not, or by no resolver."""
        how = "value" if isinstance(answer, Use) else answer
        if isinstance(how, str):
            sample = conflict.sample
            sample = sample.item() if hasattr(sample, "item") else sample
            self.decisions.append(Decision(conflict.path, conflict.kind, sample, how))

    def check(self, what: str) -> None:
        """Raise `ConflictError` with every unresolved conflict."""
        if self.unresolved:
            raise conflict_error(what, self.unresolved)


def conflict_error(what: str, conflicts: list[Conflict]) -> ConflictError:
    """Return the error that carries conflicts."""
    shown = "; ".join(map(str, conflicts[:5]))
    more = f"; and {len(conflicts) - 5} more" if len(conflicts) > 5 else ""
    noun = "conflict" if len(conflicts) == 1 else "conflicts"
    error = ConflictError(
        f"{what}: {len(conflicts)} {noun}, nothing was changed: {shown}{more}",
        code="merge-conflict",
    )
    error.conflicts = tuple(conflicts)
    return error
