"""Bodies that say nothing they were not asked: an unknown member is an error, not ignored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request

from durable_django.api.http.parsing import json_object
from durable_django.exceptions import DefinitionError


class StrictSerializer(serializers.Serializer[Any]):
    """A JSON object with these members and no others."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the checked members; refuse unknown ones, each by its name."""
        if isinstance(data, dict):
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                known = ", ".join(self.fields)
                raise serializers.ValidationError(
                    {name[:100]: [_("It is unknown. Known are: %s.") % known] for name in unknown}
                )
        return super().to_internal_value(data)


def read_body_as(serializer: type[StrictSerializer], request: Request) -> dict[str, Any]:
    """Return the checked body of a request.

    Raises:
        ValidationError: It is not what the serializer takes.
        ProblemError: It cannot be read at all.
    """
    body = serializer(data=json_object(request))
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


class WordField(serializers.CharField):
    """A text that a rule of the domain takes, such as `check_key`; its words explain a refusal.

    Texts only: a number is not silently made one.
    """

    def __init__(self, check: Callable[[str, object], str], kind: str, **options: Any) -> None:
        self.check = check
        self.kind = kind
        options.setdefault("trim_whitespace", False)
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> str:
        """Return the text."""
        if not isinstance(data, str):
            self.fail("invalid")
        text = super().to_internal_value(data)
        try:
            return self.check(self.kind, text) if text else text
        except DefinitionError as error:
            raise serializers.ValidationError(str(error)) from None
