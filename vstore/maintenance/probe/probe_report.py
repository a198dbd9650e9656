"""What probing a store found."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from vstore.faces import exported_from
from vstore.lazy import lazy

if TYPE_CHECKING:
    from vstore.maintenance.probe import probe_box
else:
    probe_box = lazy("vstore.maintenance.probe.probe_box")

Outcome = Literal["holds", "fails", "doubtful", "unknown"]
Verdict = Literal["suitable", "read-only", "unsuitable"]

_MARKS = {"holds": "ok", "fails": "FAILS", "doubtful": "note", "unknown": "-"}
_VERDICTS = {
    "suitable": "keeps every promise that vstore needs",
    "read-only": "can be read here, and not written",
    "unsuitable": "must not hold a repository that is written",
}


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class ProbeCheck:
    """One promise of a store, and whether it was kept.

    `doubtful` breaks nothing and is worth knowing; `unknown` could not be tried.
    """

    name: str
    outcome: Outcome
    detail: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return plain values."""
        return {"name": self.name, "outcome": self.outcome, "detail": self.detail}


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class ProbeReport:
    """Every check of a store, and what they say together."""

    url: str
    checks: tuple[ProbeCheck, ...]

    @property
    def verdict(self) -> Verdict:
        """Whether a repository may be there."""
        outcomes = {check.name: check.outcome for check in self.checks}
        if "fails" not in outcomes.values():
            return "suitable"
        failed = {name for name, outcome in outcomes.items() if outcome == "fails"}
        reads = outcomes.get("may read") != "fails" and outcomes.get("may list") != "fails"
        return "read-only" if failed == {"may write"} and reads else "unsuitable"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Say of each check that failed what it means."""
        return tuple(
            f"{check.name}: {check.detail}" for check in self.checks if check.outcome == "fails"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "url": self.url,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "checks": [check.to_dict() for check in self.checks],
        }

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return probe_box.probe_box(self)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"Probe of {self.url}"
        width = max((len(check.name) for check in self.checks), default=0)
        for check in self.checks:
            line = f"  {_MARKS[check.outcome]:5}  {check.name:{width}}  {check.detail}"
            yield line.rstrip()
        yield f"  {self.verdict}: the store {_VERDICTS[self.verdict]}"
