"""Medians, ratios and tables."""

from dataclasses import dataclass, field
from statistics import median
from typing import Any

Summary = dict[str, Any]

WHEN = ("first", "later")
"""Epochs of an opening: the first, and those after it."""


@dataclass
class Figures:
    """What several rounds of one loader measured, by the number of its worker processes."""

    by_workers: dict[int, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, measured: dict[str, Any], workers: int) -> int:
        """Add a round; return the best number of workers so far."""
        self.by_workers.setdefault(workers, []).append(measured)
        return self.best

    @property
    def best(self) -> int:
        """The number of workers that read fastest."""
        return max(self.by_workers, key=lambda each: self._rate(each, "later"))

    def _rate(self, workers: int, when: str) -> float:
        found = [e["rate"] for m in self.by_workers[workers] for e in m[when]]
        return median(found) if found else 0.0

    @property
    def rounds(self) -> list[dict[str, Any]]:
        """What was measured with the best number of workers."""
        return self.by_workers[self.best]

    def summary(self) -> Summary:
        """Return the medians."""
        best = self.best
        rounds = self.rounds
        first = [each["first_seconds"] for m in rounds for each in m["first"]]
        return {
            "workers": best,
            "rounds": len(rounds),
            "epoch_1": self._rate(best, "first"),
            "later": self._rate(best, "later") or self._rate(best, "first"),
            "first_batch_seconds": median(first),
            "blocks": median(m["blocks"] for m in rounds),
            "peak_nbytes": max(m["peak_nbytes"] for m in rounds),
        }


def print_epochs(key: str, found: dict[str, Summary]) -> None:
    """Print thousands of samples a second, ratios to memory, and how well batches are mixed."""
    print(f"\n{key}: thousands of samples a second after the first batch")
    print(
        f"{'':28}{'epoch 1':>10}{'later':>10}{'/ memory':>18}{'blocks':>8}"
        f"{'first batch':>13}{'peak MB':>9}  workers"
    )
    limit = found.get("memory", {}).get("later", 0.0)
    for name, each in found.items():
        ratios = ""
        if limit:
            ratios = f"{each['epoch_1'] / limit:8.2f} {each['later'] / limit:8.2f}"
        print(
            f"{name:28}{each['epoch_1'] / 1e3:10.1f}{each['later'] / 1e3:10.1f}{ratios:>18}"
            f"{each['blocks']:8.1f}{each['first_batch_seconds'] * 1e3:10.0f} ms"
            f"{each['peak_nbytes'] / 1e6:9.0f}  {each['workers']}",
            flush=True,
        )


def whole(rounds: list[dict[str, Any]]) -> Summary:
    """Return the medians of whole epochs, of several rounds."""
    found: Summary = {"first_batch_seconds": _median(rounds, "first", "first_seconds")}
    for when in WHEN:
        for what in ("seconds", "cpu_seconds"):
            found[f"{when}_{what}"] = _median(rounds, when, what, per_sample=True)
    return found


def _median(
    rounds: list[dict[str, Any]], when: str, what: str, *, per_sample: bool = False
) -> float:
    epochs = [each for found in rounds for each in (found[when] or found["first"])]
    return median(each[what] / (each["samples"] if per_sample else 1) for each in epochs)


def print_ways(title: str, found: dict[str, Summary]) -> None:
    """Print whole epochs: thousands of samples a second, and processor time a sample."""
    print(f"\n{title}: whole epochs, thousands of samples a second; processor time a sample")
    print(f"{'':58}{'epoch 1':>10}{'later':>10}{'epoch 1':>13}{'later':>13}{'first':>11}")
    for name, each in found.items():
        print(
            f"{name:58}{1e-3 / each['first_seconds']:10.2f}{1e-3 / each['later_seconds']:10.2f}"
            f"{each['first_cpu_seconds'] * 1e6:10.1f} us{each['later_cpu_seconds'] * 1e6:10.1f} us"
            f"{each['first_batch_seconds'] * 1e3:8.0f} ms",
            flush=True,
        )


def print_beside(measured: dict[str, list[dict[str, Any]]]) -> None:
    """Print how many times as long other checkouts take, above 1 where this one is faster."""
    rows = {name: whole(rounds) for name, rounds in measured.items()}
    others = {name: name.partition(" @") for name in rows if " @" in name}
    for name, (plain, _, rest) in others.items():
        _, comma, workers = rest.partition(",")
        own = rows.get(plain + comma + workers)
        if own is not None:
            ratios = [
                f"{rows[name][what] / own[what]:6.2f}"
                for what in (f"{w}_{s}" for s in ("seconds", "cpu_seconds") for w in WHEN)
            ]
            print(f"  {name:60} time{''.join(ratios[:2])}   processor{''.join(ratios[2:])}")


def print_ratios(figures: dict[str, Any], label: str) -> None:
    """Print how many times faster `vstore auto` is than each other loader."""
    tables = {
        key.split("/", 1)[1]: found
        for key, found in figures.items()
        if key.startswith(f"{label}/") and "vstore auto" in found
    }
    if not tables:
        return
    print(f"\n{label}: vstore auto over others, epoch 1 and later epochs")
    print(f"{'':28}" + "".join(f"{key:>22}" for key in tables))
    names = dict.fromkeys(name for found in tables.values() for name in found)
    for name in names:
        cells = ""
        for found in tables.values():
            own, other = found["vstore auto"], found.get(name)
            text = ""
            if other and other["later"]:
                rate = other["later"]
                text = f"{own['epoch_1'] / rate:.2f} {own['later'] / rate:.2f}"
            cells += f"{text:>22}"
        print(f"{name:28}{cells}", flush=True)


def _medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: median(each[name] for each in rounds) for name in rounds[0]}


def print_writing(results: dict[str, list[dict[str, float]]]) -> None:
    """Print how long writing takes, and how much it stores."""
    print("\nwriting Fashion-MNIST")
    print(f"{'':28}{'seconds':>10}{'stored MB':>11}{'over Icechunk':>15}")
    found = {name: _medians(rounds) for name, rounds in results.items()}
    for name, each in found.items():
        other = found.get(name.replace("vstore", "Icechunk"))
        ratio = f"{other['seconds'] / each['seconds']:.2f}" if other else ""
        print(
            f"{name:28}{each['seconds']:10.3f}{each['nbytes'] / 1e6:11.1f}{ratio:>15}", flush=True
        )


def print_rows(results: dict[str, list[dict[str, float]]]) -> None:
    """Print how long 1,000 random rows take, in one call and in as many."""
    print("\n1,000 random rows of Fashion-MNIST, seconds and ratio to Icechunk")
    print(f"{'':28}{'one call':>10}{'':>8}{'1,000 calls':>13}{'':>8}")
    found = {name: _medians(rounds) for name, rounds in results.items()}
    for name, each in found.items():
        other = found.get(name.replace("vstore", "Icechunk"), each)
        print(
            f"{name:28}{each['one_call']:10.4f}{other['one_call'] / each['one_call']:8.2f}"
            f"{each['calls']:13.4f}{other['calls'] / each['calls']:8.2f}",
            flush=True,
        )
