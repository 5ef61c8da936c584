"""Make the repository's virtual environment, before anything is installed.

Standard library only: `python3 -m tests` and `python3 -m example_project` import this with whatever
Python the reader has, get back the Python of `.venv`, and start themselves there:

    try:
        python = ensure_environment(extras=["rest"])
    except EnvironmentSetupError as error:
        sys.exit(str(error))
    sys.exit(subprocess.call([python, "-m", "example_project.demo"]))

`python3 -m example_project.bootstrap --group dev` does the same for a shell: the path on stdout, the
talk on stderr.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Before the import that an older Python lacks.
if sys.version_info < (3, 11):  # noqa: UP036 - reached by people who have an older Python
    sys.exit(f"durable_django needs Python 3.11 or newer, and this is {sys.version.split()[0]}.")

import tomllib

ROOT = Path(__file__).resolve().parent.parent
STAMP_NAME = "durable-bootstrap.json"
PIP_LINES_WORTH_SHOWING = ("Collecting ", "Installing collected packages", "Successfully installed")

Report = Callable[[str], None]


def say(line: str) -> None:
    """Print a line of progress at once, also into a pipe."""
    print(line, flush=True)


class EnvironmentSetupError(Exception):
    """The environment could not be made; the message says what to do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What was installed into an environment, so that the next start can skip it."""

    #: Version of the environment's Python, as "3.11.7".
    python: str
    #: Digest of what an editable install of the project depends on.
    project: str
    #: Sorted requirement strings, of every caller so far.
    requirements: list[str]

    def covers(self, wanted: Stamp) -> bool:
        """Tell whether an environment with this stamp has all that `wanted` asks for."""
        return (self.python, self.project) == (wanted.python, wanted.project) and set(
            wanted.requirements
        ) <= set(self.requirements)


def ensure_environment(
    *,
    extras: Iterable[str] = (),
    groups: Iterable[str] = (),
    root: Path = ROOT,
    report: Report = say,
) -> Path:
    """Return the Python of `<root>/.venv`, with the project and what it needs installed.

    The environment is made if it is absent, and made anew if its Python is broken or of another
    minor version than the running one. The project is installed editable, with its dependencies
    and the named extras and groups. A stamp in the environment remembers all of them, so that a
    second call returns within some 50 ms, whichever of the two programs calls. Running inside the
    environment already is fine. An interrupted call is taken up by the next one.

    Args:
        extras: Names under `[project.optional-dependencies]`.
        groups: Names under `[dependency-groups]`.
        root: The checkout, which holds `pyproject.toml`.
        report: Told each line of progress; told nothing when there is nothing to do.

    Raises:
        EnvironmentSetupError: venv or pip failed, or an extra or group has no such name.
    """
    pyproject = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    requirements = list_requirements(pyproject, extras=extras, groups=groups)
    directory = root / ".venv"
    python = _ensure_python(directory, report)
    wanted = Stamp(
        python=_find_version(python) or "",
        project=digest_project(pyproject),
        requirements=requirements,
    )
    stamp_path = directory / STAMP_NAME
    installed = read_stamp(stamp_path)
    if installed is None or not installed.covers(wanted):
        # The stamp goes first: an install that is cut short must not look finished.
        stamp_path.unlink(missing_ok=True)
        _install(python, root, requirements, report)
        stamp_path.write_text(
            json.dumps(asdict(merge(installed, wanted)), indent=2), encoding="utf-8"
        )
    return python


def list_requirements(
    pyproject: dict[str, Any], *, extras: Iterable[str] = (), groups: Iterable[str] = ()
) -> list[str]:
    """Return the sorted requirements of the project, the extras and the groups, each once.

    Raises:
        EnvironmentSetupError: There is no extra or group of that name.
    """
    project = pyproject["project"]
    found = set(project.get("dependencies", []))
    for extra in extras:
        found.update(_look_up(project.get("optional-dependencies", {}), extra, "extra"))
    for group in groups:
        found.update(_expand_group(pyproject.get("dependency-groups", {}), group))
    return sorted(found)


def digest_project(pyproject: dict[str, Any]) -> str:
    """Return a digest that changes when the project must be installed anew."""
    project = pyproject["project"]
    names = ("name", "version", "requires-python", "scripts", "entry-points")
    facts = [pyproject.get("build-system"), *(project.get(name) for name in names)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def merge(installed: Stamp | None, added: Stamp) -> Stamp:
    """Return the stamp after `added` was installed over `installed`."""
    if installed is None or (installed.python, installed.project) != (added.python, added.project):
        return added
    together = sorted({*installed.requirements, *added.requirements})
    return Stamp(python=added.python, project=added.project, requirements=together)


def read_stamp(path: Path) -> Stamp | None:
    """Return the stamp, or None if it is absent or unreadable."""
    try:
        return Stamp(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def locate_python(directory: Path) -> Path:
    """Return where a virtual environment keeps its Python on this system."""
    if sys.platform == "win32":
        return directory / "Scripts" / "python.exe"
    return directory / "bin" / "python"


def _look_up(table: dict[str, list[Any]], name: str, kind: str) -> list[Any]:
    if name not in table:
        raise EnvironmentSetupError(f"pyproject.toml has no {kind} named {name!r}.")
    return table[name]


def _expand_group(groups: dict[str, list[Any]], name: str) -> Iterator[str]:
    for entry in _look_up(groups, name, "dependency group"):
        if isinstance(entry, str):
            yield entry
        else:
            yield from _expand_group(groups, entry["include-group"])


def _ensure_python(directory: Path, report: Report) -> Path:
    python = locate_python(directory)
    running = ".".join(str(part) for part in sys.version_info[:3])
    found = _find_version(python)
    if found is not None and found.split(".")[:2] == running.split(".")[:2]:
        return python
    if directory.exists():
        report(f"Making {directory} anew: it has Python {found or '(broken)'}, this is {running}")
    else:
        report(f"Making {directory} with Python {running}")
    _make_virtual_environment(directory)
    return python


def _make_virtual_environment(directory: Path) -> None:
    command = [sys.executable, "-m", "venv", "--clear", str(directory)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode == 0:
        return
    # What is left of it has no pip, and the next start must not take it for an environment.
    shutil.rmtree(directory, ignore_errors=True)
    raise EnvironmentSetupError(
        f"{made.stdout}{made.stderr}\n"
        f"Could not make a virtual environment in {directory}.\n"
        "On Debian and Ubuntu: apt install python3-venv. Elsewhere: install a Python that has the\n"
        "venv and ensurepip modules, then start again."
    )


def _find_version(python: Path) -> str | None:
    command = [str(python), "-c", "import platform; print(platform.python_version())"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return answer.stdout.strip() or None


def _install(python: Path, root: Path, requirements: list[str], report: Report) -> None:
    # An environment made by uv has no pip of its own.
    if subprocess.run(
        [python, "-m", "pip", "--version"], capture_output=True, check=False
    ).returncode:
        subprocess.run([python, "-m", "ensurepip"], capture_output=True, check=False)
    report(f"Installing {len(requirements)} requirements; the first time takes about a minute")
    options = ["--disable-pip-version-check", "--no-input", "--progress-bar=off"]
    command = [
        str(python),
        "-m",
        "pip",
        "install",
        *options,
        "--editable",
        str(root),
        *requirements,
    ]
    lines: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as pip:
        for line in pip.stdout or ():
            lines.append(line)
            if line.startswith(PIP_LINES_WORTH_SHOWING):
                report(f"  {line.rstrip()[:110]}")
    if pip.returncode != 0:
        raise EnvironmentSetupError(
            f"{''.join(lines[-25:])}\n"
            f"pip could not install what the project needs into {root / '.venv'}.\n"
            "Check the network, a proxy (HTTPS_PROXY) or the package index (PIP_INDEX_URL), then start\n"
            "again: it goes on from here. By hand:\n"
            f"  {python} -m pip install --editable {root}"
        )


def _main() -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m example_project.bootstrap", description=__doc__
    )
    parser.add_argument("--extra", action="append", default=[], dest="extras")
    parser.add_argument("--group", action="append", default=[], dest="groups")
    options = parser.parse_args()
    try:
        python = ensure_environment(
            extras=options.extras,
            groups=options.groups,
            report=lambda line: print(line, file=sys.stderr, flush=True),
        )
    except EnvironmentSetupError as error:
        sys.exit(str(error))
    print(python)
    return 0


if __name__ == "__main__":
    sys.exit(_main())
