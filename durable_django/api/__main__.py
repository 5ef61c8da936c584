"""Write the OpenAPI document: `DJANGO_SETTINGS_MODULE=… python -m durable_django.api`."""

from __future__ import annotations

from importlib import import_module

import django

django.setup()
# By path: it imports the models, which must not be imported before.
import_module("durable_django.api.openapi").write()
