from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

pytestmark = pytest.mark.one_database

ROOT = Path(__file__).resolve().parent.parent.parent
UNKNOWN = "0192d3a0-0000-7000-8000-000000000000"


def run_django(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 -- our own interpreter and words
        [sys.executable, "-m", "django", *arguments],
        capture_output=True,
        check=False,
        text=True,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DURABLE_TEST_DB": settings.DATABASE,
            "DURABLE_TEST_DB_NAME": str(connection.settings_dict["NAME"]),
            **environment,
        },
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["durable_list", "--json"], 0, id="done"),
        pytest.param(["durable_list", "--status", "asleep"], 2, id="usage"),
        pytest.param(["durable_show", UNKNOWN], 3, id="not found"),
    ],
)
def test_process_ends_with_the_code_and_without_a_traceback(arguments: list[str], code: int):
    ran = run_django(*arguments)

    assert ran.returncode == code, ran.stderr
    assert "Traceback" not in ran.stderr
    assert bool(ran.stdout) is (code == 0)


def test_database_without_tables_is_one_line(tmp_path: Path):
    if settings.DATABASE != "sqlite":
        pytest.skip("an empty database is a file only on SQLite")

    ran = run_django("durable_list", DURABLE_TEST_DB_NAME=str(tmp_path / "empty.sqlite3"))

    assert ran.returncode == 1
    assert len(ran.stderr.strip().splitlines()) == 1
    assert "manage.py migrate" in ran.stderr


def test_project_of_these_tests_passes_its_own_checks():
    ran = run_django("check", "--fail-level", "WARNING")

    assert ran.returncode == 0, ran.stderr
