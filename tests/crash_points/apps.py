from __future__ import annotations

from django.apps import AppConfig


class CrashPointsConfig(AppConfig):
    name = "tests.crash_points"
    label = "crash_points"
    default_auto_field = "django.db.models.BigAutoField"
