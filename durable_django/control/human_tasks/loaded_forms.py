"""The form that a task names, among what this process has loaded: nothing is imported for it."""

from __future__ import annotations

from django import forms

from durable_django.codecs.loaded_classes import find_class
from durable_django.control.human_tasks.errors import UnknownFormError, UnusableFormError


def find_form(path: str) -> type[forms.BaseForm]:
    """Return the form class of this import path, `shop.forms.RefundForm`.

    A database that was tampered with can so name nothing but a form that the program has loaded.

    Raises:
        UnknownFormError: No such class is loaded.
        UnusableFormError: It is no form.
    """
    found = next(filter(None, map(find_class, _names_of(path))), None)
    if found is None:
        raise UnknownFormError(path)
    if not issubclass(found, forms.BaseForm):
        raise UnusableFormError(path, "it is no Django form")
    return found


def _names_of(path: str) -> list[str]:
    """Return what the path may mean, `module:qualified.name`; a class may stand in a class."""
    if ":" in path:
        return [path]
    parts = path.split(".")
    return [
        f"{'.'.join(parts[:place])}:{'.'.join(parts[place:])}"
        for place in range(len(parts) - 1, 0, -1)
    ]
