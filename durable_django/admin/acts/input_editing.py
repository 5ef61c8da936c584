"""Let a person edit a stored input as JSON without seeing, or losing, the secrets in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from durable_django.control.payloads.plain_json import to_plain
from durable_django.control.payloads.redaction import HIDDEN, redact
from durable_django.exceptions import PayloadError
from durable_django.runtime import engine


@dataclass(frozen=True, slots=True)
class EditableInput:
    """An input that is nothing but JSON, and how it is shown: its secrets hidden."""

    value: Any
    shown: Any

    @property
    def text(self) -> str:
        """The JSON text to edit."""
        return json.dumps(self.shown, indent=2, ensure_ascii=False)

    def merge(self, edited: Any) -> Any:
        """Return the edited value with what was left as it was shown as it is.

        Raises:
            ValidationError: It holds "•••" where no secret was hidden.
        """
        merged = _restore(edited, self.shown, self.value)
        if HIDDEN in json.dumps(merged, ensure_ascii=False) and merged != self.value:
            raise ValidationError(
                _(
                    "“%(hidden)s” stands for a secret that is not shown. Leave it where it was, or write the real value."
                )
                % {"hidden": HIDDEN}
            )
        return merged


def find_editable(text: str) -> EditableInput | None:
    """Return a stored input for editing; None if it cannot be read, or JSON cannot say it all.

    Dates, decimals and model references are stored with tags; edited as JSON they would become
    plain text.
    """
    try:
        value = engine().payloads.decode(text, "Input")
    except PayloadError:
        return None
    if to_plain(value) != value:
        return None
    return EditableInput(value, redact(value))


def _restore(edited: Any, shown: Any, value: Any) -> Any:
    if edited == shown and type(edited) is type(shown):
        return value
    if isinstance(edited, dict) and isinstance(shown, dict):
        return {
            key: _restore(item, shown[key], value[key]) if key in shown else item
            for key, item in edited.items()
        }
    if isinstance(edited, list) and isinstance(shown, list) and len(edited) == len(shown):
        return [_restore(*items) for items in zip(edited, shown, value, strict=True)]
    return edited
