"""Ours in one database, django-q2's in another: neither must be migrated first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = """
from tests.settings import *
SQLITE = {{"ENGINE": "django.db.backends.sqlite3"}}
DATABASES = {{
    "default": {{**SQLITE, "NAME": {directory!r} + "/default.sqlite3"}},
    "other": {{**SQLITE, "NAME": {directory!r} + "/other.sqlite3"}},
}}
DURABLE = {{"DATABASE": "other"}}
DATABASE_ROUTERS = ["two_databases.Router"]

class Router:
    def db_for_write(self, model, **hints):
        return "other" if model._meta.app_label == "durable_django" else "default"

    db_for_read = db_for_write

    def allow_migrate(self, db, app_label, **hints):
        return db == ("other" if app_label == "durable_django" else "default")
"""


def test_the_backstop_waits_for_the_tables_of_both(tmp_path: Path) -> None:
    (tmp_path / "two_databases.py").write_text(SETTINGS.format(directory=str(tmp_path)))
    environ = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "two_databases",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
        # What only these settings hold.
        "DURABLE_TEST_DB": "sqlite",
    }
    script = (
        "import django; django.setup()\n"
        "from django.core.management import call_command\n"
        "from django_q.models import Schedule\n"
        "call_command('migrate', database='default', verbosity=0)\n"
        "before = Schedule.objects.count()\n"
        "call_command('migrate', database='other', verbosity=0)\n"
        "print(before, Schedule.objects.get().name)\n"
    )

    done = subprocess.run(  # noqa: S603 -- our own script
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.split() == ["0", "durable_recover"], done.stderr[-2000:]
