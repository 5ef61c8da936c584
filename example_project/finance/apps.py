from __future__ import annotations

from django.apps import AppConfig


class FinanceConfig(AppConfig):
    name = "example_project.finance"
    verbose_name = "Bank"
