from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

ROOT = Path(__file__).resolve().parent.parent.parent
DJANGO_FREE = (
    "durable_django",
    "durable_django.engine.durable_engine",
    "durable_django.stores.memory",
    "durable_django.dispatchers.null",
    "durable_django.testing",
)
FOREIGN = ("django", "django_q", "rest_framework", "cryptography")


def run_python(program: str) -> str:
    run = subprocess.run(  # noqa: S603 -- our own interpreter and words
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return run.stdout.strip()


@pytest.mark.parametrize("module", DJANGO_FREE)
def test_core_loads_no_django(module: str):
    foreign = run_python(
        f"import {module}, sys; print([m for m in {FOREIGN!r} if m in sys.modules])"
    )

    assert foreign == "[]"


def test_workflow_runs_without_django():
    result = run_python(
        "from durable_django import DurableEngine\n"
        "from durable_django.stores.memory import InMemoryCheckpointStore\n"
        "engine = DurableEngine(store=InMemoryCheckpointStore())\n"
        "print(engine.run('sum', lambda ctx: ctx.step('add', sum, [1, 2])))\n"
        "engine.dispose()\n"
        "import sys; assert 'django' not in sys.modules"
    )

    assert result == "3"


def test_import_contracts_hold():
    tool = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    if tool is None:
        pytest.skip("import-linter is not installed (dependency group `lint`)")

    run = subprocess.run(  # noqa: S603 -- our own interpreter and words
        [tool, "--no-cache"],
        capture_output=True,
        check=False,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert run.returncode == 0, run.stdout


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", "durable_django", "--check", "--dry-run", verbosity=0)


@pytest.mark.parametrize("module", ["durable_django", "durable_django.testing"])
def test_public_names_are_sorted_and_there(module: str):
    door = importlib.import_module(module)

    assert list(door.__all__) == sorted(door.__all__)
    assert all(hasattr(door, name) for name in door.__all__)
