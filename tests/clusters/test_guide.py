"""The guide's sections run, each where its engine is installed."""

import gc
import os
import re
import sys
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.filterwarnings("ignore")]


def section(name: str) -> str:
    """Return the Python of a section of the guide."""
    text = (ROOT / "docs/guides/clusters.md").read_text(encoding="utf-8")
    part = re.split(r"^## ", text, flags=re.MULTILINE)
    (found,) = [each for each in part if each.startswith(f"{name}\n")]
    return "\n".join(re.findall(r"^```python\n(.*?)^```", found, flags=re.MULTILINE | re.DOTALL))


def run(name: str) -> None:
    exec(compile(section(name), name, "exec"), {})


def test_dask() -> None:
    pytest.importorskip("dask.dataframe")
    dask = pytest.importorskip("dask")
    with dask.config.set(scheduler="synchronous"):
        run("Dask")


@pytest.mark.slow
def test_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        run("Ray")
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Ray lets go of processes that have not ended
            ray.shutdown()
            gc.collect()


@pytest.mark.slow
def test_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    sql = pytest.importorskip("pyspark.sql")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *sys.path]))
    try:
        session = sql.SparkSession.builder.master("local[2]").getOrCreate()
    except Exception as error:  # noqa: BLE001 - without Java there is no session
        pytest.skip(f"Spark does not start here: {type(error).__name__}")
    try:
        run("Spark")
    finally:
        session.stop()
