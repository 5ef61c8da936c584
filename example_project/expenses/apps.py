from __future__ import annotations

from django.apps import AppConfig


class ExpensesConfig(AppConfig):
    name = "example_project.expenses"
    verbose_name = "Expenses"
