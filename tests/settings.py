"""Django settings of the suite. One process, one database: DURABLE_TEST_DB says which."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from tests.bootstrap.database_url import parse_database_url

DATABASE = os.environ.get("DURABLE_TEST_DB", "sqlite")

# Two checkouts, or two people, on one machine must not share a test database.
_ROOT = Path(__file__).resolve().parent.parent
_CHECKOUT = hashlib.sha256(f"{getpass.getuser()}:{_ROOT}".encode()).hexdigest()[:8]
# A process that a test starts is given the name of the test database, and joins it.
_NAME = os.environ.get("DURABLE_TEST_DB_NAME") or f"durable_{_CHECKOUT}"


def _configure_sqlite() -> dict[str, Any]:
    directory = Path(tempfile.gettempdir()) / f"durable-tests-{_CHECKOUT}"
    directory.mkdir(mode=0o700, exist_ok=True)
    stem = Path(_NAME).name
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": _NAME if Path(_NAME).is_absolute() else directory / f"{stem}.sqlite3",
        # A file: an in-memory database is invisible to other processes, and locks otherwise.
        "TEST": {"NAME": str(directory / f"test_{stem}.sqlite3")},
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;",
        },
    }


def _configure_server(engine: str, url: str) -> dict[str, Any]:
    address = parse_database_url(url)
    return {
        "ENGINE": f"django.db.backends.{engine}",
        "NAME": _NAME,
        "HOST": address.host,
        "PORT": address.port or "",
        "USER": address.user,
        "PASSWORD": address.password,
        "CONN_MAX_AGE": None,
    }


def _configure_database() -> dict[str, Any]:
    if DATABASE == "sqlite":
        return _configure_sqlite()
    if DATABASE == "postgresql":
        url = os.environ.get("DURABLE_TEST_POSTGRES_URL") or "postgresql://postgres@127.0.0.1:5432"
        return _configure_server("postgresql", url)
    if DATABASE == "mariadb":
        import pymysql  # noqa: PLC0415 - the other databases must not need it

        pymysql.install_as_MySQLdb()
        url = os.environ.get("DURABLE_TEST_MYSQL_URL") or "mysql://root@127.0.0.1:3306"
        return {
            **_configure_server("mysql", url),
            "OPTIONS": {"charset": "utf8mb4"},
            "TEST": {"CHARSET": "utf8mb4"},
        }
    raise ValueError(f"DURABLE_TEST_DB is {DATABASE!r}; known: sqlite, postgresql, mariadb.")


DATABASES = {"default": _configure_database()}

SECRET_KEY = "not-a-secret-only-tests-use-it"
USE_TZ = True
TIME_ZONE = "UTC"
ROOT_URLCONF = "tests.urls"
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.admin",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_q",
    "durable_django",
    "tests.testapp",
    "tests.crash_points",
    "example_project.simulation",
    "example_project.ecommerce",
    "example_project.finance",
    "example_project.expenses",
]
MIDDLEWARE = [
    # The strictest one that a project may have; a browser tells what breaks it.
    "tests.browser.content_policy.ContentPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
# A process that a test starts may be given other times than the defaults, as JSON.
# Threads of branches keep connections for a while: a test that wants them says so.
DURABLE = {"PARALLEL_THREADS": 1} | json.loads(os.environ.get("DURABLE_TEST_SETTINGS", "{}"))
Q_CLUSTER = {
    "name": "durable_tests",
    "orm": "default",
    "workers": 2,
    "timeout": 60,
    # Longer than timeout, or django-q2 hands out a task that still runs (and warns at import).
    "retry": 90,
    "poll": 0.05,
    "bulk": 10,
    "save_limit": -1,
    "catch_up": False,
}
