"""Build the wheel and the sdist, and try the wheel in environments that hold nothing else.

    python .ci/wheel.py [ENVIRONMENT...]

Environments: the core alone, each extra alone, and every extra at the oldest versions that
`pyproject.toml` allows (`constraints-oldest.txt`, with Python 3.11). `.ci/installed.py` is what
runs in each. Needs the extra `package`. PyTorch is installed by pip, which knows where this
machine keeps it.
"""

import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
FOR_DEVELOPERS = {"bench", "dev", "docs", "frameworks", "examples", "lint", "package", "test"}
ENGINES = {"dask", "ray", "spark"}
"""Large, and nothing that is told from an installation: `tests/clusters` tries them."""
OLDEST = ROOT / "constraints-oldest.txt"
TESTED = ROOT / "constraints.txt"


@dataclass(frozen=True)
class Environment:
    """What is installed together, and from which versions."""

    name: str
    extras: Sequence[str]
    constraints: Path = TESTED


def main() -> int:
    """Run everything; return how many environments failed."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = sorted(settings["optional-dependencies"].keys() - FOR_DEVELOPERS - ENGINES)
    oldest = [extra for extra in extras if extra != "torch"]
    with tempfile.TemporaryDirectory() as scratch:
        wheel, sdist = build(Path(scratch, "dist"))
        check_wheel(wheel, name=settings["name"])
        check_sdist(sdist)
        environments = [
            Environment("core", []),
            *(Environment(extra, [extra]) for extra in extras),
            *([Environment("oldest", oldest, OLDEST)] if sys.version_info[:2] == (3, 11) else []),
        ]
        wanted = set(sys.argv[1:]) or {each.name for each in environments}
        environments = [each for each in environments if each.name in wanted]
        failed = [each.name for each in environments if not passes(each, wheel, Path(scratch))]
    print(f"{len(environments) - len(failed)} passed, {len(failed)} failed", *failed)
    return len(failed)


def build(folder: Path) -> tuple[Path, Path]:
    """Return the wheel, built from the sdist as an installer would, and the sdist."""
    run(BIN / "uv", "build", "--quiet", "--python", sys.executable, "--out-dir", folder, ROOT)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    print(f"built {wheel.name}, {wheel.stat().st_size >> 10} KiB, and {sdist.name}")
    return wheel, sdist


def check_wheel(path: Path, *, name: str) -> None:
    """Check that the wheel holds the package and nothing else, and describes itself."""
    with zipfile.ZipFile(path) as wheel:
        files = set(wheel.namelist())
        (about,) = (file for file in files if file.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(wheel.read(about).decode())
    info = about.rpartition("/")[0]
    package = ROOT / "vstore"
    served = [*(package / "ui" / "static").iterdir(), *(package / "page" / "source").iterdir()]
    held = [*package.rglob("*.py"), *served]
    sources = {str(file.relative_to(ROOT)) for file in held}
    licensed = {f"{info}/licenses/LICENSE", f"{info}/entry_points.txt", "vstore/py.typed"}
    expect(metadata["Name"] == name, f"the wheel is called {metadata['Name']}")
    expect(files >= sources | licensed, f"missing: {sources | licensed - files}")
    strange = {file for file in files - sources - licensed if not file.startswith(info)}
    expect(not strange, f"not of the package: {strange}")
    relative = re.findall(r"\]\((?!https?:|#)[^)]*\)", metadata.get_payload())
    expect(not relative, f"links that an index page cannot follow: {relative}")
    expect(bool(metadata.get_all("Project-URL")), "no URLs of the project")


def check_sdist(path: Path) -> None:
    """Check that the sdist has what a build, the tests and the documentation need."""
    with tarfile.open(path) as sdist:
        top = {name.split("/")[1] for name in sdist.getnames() if "/" in name}
    needed = {"LICENSE", "README.md", "docs", "hatch_build.py", "pyproject.toml", "tests", "vstore"}
    expect(top >= needed, f"the sdist lacks {needed - top}")


def passes(environment: Environment, wheel: Path, scratch: Path) -> bool:
    """Install the wheel in an empty environment and try it there; say how that went."""
    started = time.monotonic()
    python = scratch / environment.name / "bin" / "python"
    folder = scratch / f"{environment.name}-files"
    folder.mkdir()
    try:
        install(environment, wheel, python)
        run(python, "-I", ROOT / ".ci/installed.py", ROOT, *environment.extras, folder=folder)
    except subprocess.CalledProcessError as error:
        print(error.stdout)
        verdict = f"FAILED (exit {error.returncode})"
    else:
        verdict = "ok"
    print(f"{environment.name:10} {time.monotonic() - started:4.0f} s  {verdict}", flush=True)
    return verdict == "ok"


def install(environment: Environment, wheel: Path, python: Path) -> None:
    """Make the environment and install the wheel with its extras."""
    wanted = f"{wheel}[{','.join(environment.extras)}]"
    if "torch" in environment.extras:
        run(sys.executable, "-m", "venv", python.parents[1])
        run(python, "-m", "pip", "install", "-q", "-c", environment.constraints, wanted)
        return
    uv = BIN / "uv"
    run(uv, "venv", "--quiet", "--python", sys.executable, python.parents[1])
    run(uv, "pip", "install", "-q", "--python", python, "-c", environment.constraints, wanted)


def run(*command: str | Path, folder: Path = ROOT) -> None:
    """Run a command without what this shell says of Python and of vstore."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "VSTORE_", "VIRTUAL_ENV", "UV_PROJECT"))
    }
    subprocess.run(
        [*map(str, command)],
        cwd=folder,
        env=clean,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def expect(condition: bool, message: str) -> None:  # noqa: FBT001
    """End with a message unless the condition holds."""
    if not condition:
        raise SystemExit(message)


if __name__ == "__main__":
    sys.exit(main())
