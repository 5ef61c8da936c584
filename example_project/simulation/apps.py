from __future__ import annotations

from django.apps import AppConfig


class SimulationConfig(AppConfig):
    name = "example_project.simulation"
    verbose_name = "The pretend outside world"
