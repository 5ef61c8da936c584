"""Model instances in payloads: stored as a reference, fetched again when read.

So the body sees the row as it is now, on the first run and at every replay; what must not change
under it belongs in plain data. A list of instances costs one query each to read.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import DEFAULT_DB_ALIAS, DataError
from django.db.models import Model
from django.utils.connection import ConnectionDoesNotExist

from durable_django.exceptions import DefinitionError, PayloadError

_DEFAULTS = (None, DEFAULT_DB_ALIAS)


class ModelReferences:
    """The codec's type adapter for model instances: `{"model": "shop.order", "pk": 7}`.

    `"db"` is there too unless it is the default. A database that is down is no bad payload: its
    errors pass through.
    """

    tag = "model"

    def matches(self, value: Any) -> bool:
        return isinstance(value, Model)

    def to_json(self, value: Any) -> dict[str, Any]:
        # Not type(value): a lazy proxy (request.user) shows its class only this way.
        cls = value.__class__
        label = cls._meta.label_lower
        state = value._state  # noqa: SLF001 -- documented by Django, underscore and all
        if value.pk is None or state.adding:
            raise PayloadError("Value", f"is an unsaved {label}; save it first.")
        if _find_model(label) is not cls:
            raise PayloadError("Value", f"is of model {label}, which no installed app has.")
        reference = {"model": label, "pk": value.pk}
        return reference if state.db in _DEFAULTS else {**reference, "db": state.db}

    def from_json(self, data: Any) -> Model:
        if not isinstance(data, dict) or data.keys() - {"db"} != {"model", "pk"}:
            raise PayloadError("Value", "is no valid model reference.")
        label, pk, alias = data["model"], data["pk"], data.get("db", DEFAULT_DB_ALIAS)
        model = _find_model(label)
        if model is None:
            raise PayloadError("Value", f"refers to {_show(label)}, which is no installed model.")
        try:
            # Not the default manager: it may hide rows (soft deletion) that the body holds.
            return model._base_manager.using(alias).get(pk=pk)  # noqa: SLF001 -- documented too
        except ObjectDoesNotExist:
            problem = f"refers to {_show(label)} {_show(pk)}, which no longer exists."
        except ConnectionDoesNotExist:
            problem = f"refers to the database {_show(alias)}, which is not in DATABASES."
        except (ValueError, TypeError, OverflowError, ValidationError, DataError):
            problem = f"refers to {_show(label)} by a primary key that it cannot have."
        raise PayloadError("Value", problem)


def subject_of(value: object) -> str:
    """Return how executions name a business object: `shop.order:991`.

    Raises:
        DefinitionError: It is neither text nor a saved instance of an installed model.
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, Model):
        raise DefinitionError(
            f"A subject is a saved model instance or a text such as 'shop.order:991', not "
            f"{type(value).__name__}."
        )
    label = value.__class__._meta.label_lower  # noqa: SLF001 -- documented by Django
    if value.pk is None:
        raise DefinitionError(f"The subject is an unsaved {label}; save it first.")
    return f"{label}:{value.pk}"


def _find_model(label: object) -> type[Model] | None:
    try:
        return apps.get_model(label) if isinstance(label, str) else None
    except (LookupError, ValueError):
        return None


def _show(part: object) -> str:
    return ascii(part)[:100] if isinstance(part, str) else str(part)[:100]
