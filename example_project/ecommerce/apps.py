from __future__ import annotations

from django.apps import AppConfig


class EcommerceConfig(AppConfig):
    name = "example_project.ecommerce"
    verbose_name = "Shop"
