"""What requests about human tasks may say: strict, like all of them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from durable_django.api.bodies import ObjectField, ReasonField, StrictIntegerField, TextField
from durable_django.api.http.strict import StrictSerializer, WordField
from durable_django.control.human_tasks.acting import MAX_COMMENT_LENGTH
from durable_django.control.human_tasks.links import LONGEST_LIFE
from durable_django.domain.identifiers import MAX_KEY_LENGTH, check_key

_LONGEST_SECONDS = int(LONGEST_LIFE.total_seconds())


def _name(kind: str, **options: Any) -> WordField:
    return WordField(check_key, kind, max_length=MAX_KEY_LENGTH, **options)


class DelegateBody(StrictSerializer):
    """Hand a task on."""

    user = _name("username", help_text="Who gets it.")
    reason = ReasonField()


class ReassignBody(StrictSerializer):
    """Give a task to a user, or offer it to a group alone."""

    user = _name("username", required=False, help_text="Who gets it.")
    group = _name("group name", required=False, help_text="Whose members may claim it.")
    reason = ReasonField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse both, and neither."""
        if ("user" in attrs) == ("group" in attrs):
            raise serializers.ValidationError({"user": [_("Give a user or a group.")]})
        return attrs


class CompleteBody(StrictSerializer):
    """Answer a task."""

    # The stubs take the member for the property of a serializer, which nobody asks here.
    data = ObjectField(  # type: ignore[assignment]
        required=False, default=dict, help_text="Values by the names of the form's fields."
    )
    comment = TextField(required=False, default="", allow_blank=True, max_length=MAX_COMMENT_LENGTH)


class TaskLinkBody(StrictSerializer):
    """How long a link is good."""

    expires_in_seconds = StrictIntegerField(min_value=1, max_value=_LONGEST_SECONDS)
