"""The app: register every installed app's workflows, wire the engine, add the checks."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules

from durable_django import conf, runtime


class DurableDjangoConfig(AppConfig):
    """Configuration of the app `durable_django`."""

    name = "durable_django"
    label = "durable_django"
    verbose_name = "Durable workflows"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Not above: they lead to the models, which may not be loaded before all apps are listed.
        from durable_django import checks  # noqa: PLC0415
        from durable_django.control import bulk_runner  # noqa: PLC0415

        bulk_runner.register()
        runtime.wire()
        runtime.wire_cluster()
        checks.register_checks()
        autodiscover_modules(conf.readable_settings().workflow_module)
