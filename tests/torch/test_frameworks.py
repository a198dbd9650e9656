"""The real frameworks, killed and resumed: every sample comes once an epoch, on every rank."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("torch")

from benchmarks.frameworks.runs import WAYS, Way, make_data, run

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs/guides/frameworks.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SECTIONS = dict(
    part.split("\n", 1) for part in PAGE.read_text(encoding="utf-8").split("\n## ")[1:-1]
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_data(tmp_path_factory.mktemp("frameworks"))


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize(
    ("way", "workers"), [(way, workers) for way in WAYS for workers in way.workers]
)
def test_every_sample_comes_once(
    url: str, way: Way, workers: int, ranks: int, tmp_path: Path
) -> None:
    if way.missing:
        pytest.skip(f"{', '.join(way.missing)} missing")
    outcome = run(way, url, tmp_path, ranks=ranks, workers=workers)
    assert outcome.is_right, outcome


@pytest.mark.parametrize("section", SECTIONS)
def test_the_guide_runs(section: str, tmp_path: Path) -> None:
    code = BLOCK.findall(PAGE.read_text(encoding="utf-8"))[0] + "".join(
        BLOCK.findall(SECTIONS[section])
    )
    for name in re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE):
        if find_spec(name) is None:
            pytest.skip(f"{name} missing")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
