"""Django settings of the example project. What durable_django asks for is at the end."""

from __future__ import annotations

import os
from pathlib import Path

from example_project.config.database import configure_postgresql, configure_sqlite

PROJECT = Path(__file__).resolve().parent.parent
VAR = PROJECT / "var"
VAR.mkdir(exist_ok=True)

SECRET_KEY = "only-this-example-uses-it-and-only-on-this-machine"  # noqa: S105 - no secret
# The web server of `runserver` shows the admin's styles only so; workers do without.
DEBUG = os.environ.get("EXAMPLE_DEBUG", "1") == "1"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_q",
    "durable_django",
    "example_project.simulation",
    "example_project.ecommerce",
    "example_project.finance",
    "example_project.expenses",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
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
ROOT_URLCONF = "example_project.config.urls"
WSGI_APPLICATION = "example_project.config.wsgi.application"
ASGI_APPLICATION = "example_project.config.asgi.application"
STATIC_URL = "/static/"
USE_TZ = True
TIME_ZONE = "UTC"
# Mail is in the log of the process that sends it: `var/log/qcluster.log`.
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

_DATABASE_URL = os.environ.get("EXAMPLE_DATABASE_URL", "")
DATABASES = {
    "default": configure_postgresql(_DATABASE_URL)
    if _DATABASE_URL
    else configure_sqlite(VAR / "example.sqlite3")
}

# django-q2 answers one question: which process runs Python now.
Q_CLUSTER = {
    "name": "example",
    "orm": "default",
    "workers": 2,
    "timeout": 60,
    # Longer than `timeout`, or django-q2 hands out a task that still runs.
    "retry": 90,
    "poll": 0.05,
    "bulk": 10,
    "save_limit": -1,
    "catch_up": False,
}
DURABLE = {
    # A worker that dies is noticed this late. Short, for the sake of a short demo.
    "LEASE_SECONDS": 5,
    "OBSERVERS": ("example_project.expenses.observers.TaskMail",),
}
