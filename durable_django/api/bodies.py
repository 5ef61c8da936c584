"""What requests may say: strict, and checked by the domain's own rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from durable_django.api.http.strict import StrictSerializer, WordField
from durable_django.domain.event import MAX_REASON_LENGTH
from durable_django.domain.identifiers import (
    MAX_KEY_LENGTH,
    MAX_NAME_LENGTH,
    MAX_QUEUE_LENGTH,
    check_key,
    check_name,
    check_queue,
)
from durable_django.domain.status import OnConflict
from durable_django.engine.awaitables import MAX_EVENT_LENGTH
from durable_django.engine.starting import MAX_PRIORITY, MAX_TAGS

#: A hundred years, in seconds: no date and no database goes wrong within.
MAX_SECONDS = 3_155_760_000
MAX_VERSION = 2**31 - 1
_FIRST_YEAR, _LAST_YEAR = 1970, 2999


class InstantField(serializers.DateTimeField):
    """An instant with its offset, RFC 3339: without one, nobody knows whose clock is meant."""

    def to_internal_value(self, value: Any) -> datetime:
        """Return it, aware."""
        if not isinstance(value, str):
            self.fail("invalid", format="RFC 3339")
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            self.fail("invalid", format="RFC 3339")
        if instant.utcoffset() is None:
            raise serializers.ValidationError(_("Give its offset: 2026-01-31T09:00:00Z."))
        if not _FIRST_YEAR < instant.year < _LAST_YEAR:
            raise serializers.ValidationError(
                _("Its year is between %(first)d and %(last)d.")
                % {"first": _FIRST_YEAR, "last": _LAST_YEAR}
            )
        return instant


class SecondsField(serializers.FloatField):
    """A length of time in seconds; a number and not a text of one."""

    def to_internal_value(self, data: Any) -> float:
        """Return it as a number of seconds."""
        if type(data) not in (int, float):
            self.fail("invalid")
        return super().to_internal_value(min(data, 2 * MAX_SECONDS))


class StrictIntegerField(serializers.IntegerField):
    """A whole number; not a text, a float or a truth value that could pass for one."""

    def to_internal_value(self, data: Any) -> int:
        """Return it."""
        if type(data) is not int:
            self.fail("invalid")
        return data


class StrictBooleanField(serializers.BooleanField):
    """True or false, and nothing that could pass for it."""

    def to_internal_value(self, data: Any) -> bool:
        """Return it."""
        if type(data) is not bool:
            self.fail("invalid", input=type(data).__name__)
        return data


class TextField(serializers.CharField):
    """A text; a number is not made one."""

    def to_internal_value(self, data: Any) -> str:
        """Return it."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class ReasonField(TextField):
    """Why somebody acts, in their words."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("required", False)
        options.setdefault("allow_blank", True)
        options.setdefault("default", "")
        options.setdefault("max_length", MAX_REASON_LENGTH)
        options.setdefault("help_text", "Why, for the history.")
        super().__init__(**options)


class ObjectField(serializers.DictField):
    """A JSON object with whatever is in it."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return it as it is."""
        if not isinstance(data, dict):
            self.fail("not_a_dict", input_type=type(data).__name__)
        return data


def _word(kind: str, **options: Any) -> WordField:
    return WordField(check_key, kind, max_length=MAX_KEY_LENGTH, required=False, **options)


def _check_queue(_: str, queue: object) -> str:
    return check_queue(queue)


def _version() -> StrictIntegerField:
    return StrictIntegerField(
        required=False, min_value=1, max_value=MAX_VERSION, help_text="By default the highest."
    )


#: Values of `on_conflict` with which the key is the new execution's, whoever has it now.
TAKES_OVER = {"replace": OnConflict.REPLACE, "queue": OnConflict.QUEUE}


class StartBody(StrictSerializer):
    """Start a workflow."""

    workflow = WordField(check_name, "workflow", max_length=MAX_NAME_LENGTH)
    version = _version()
    input = ObjectField(required=False, default=dict, help_text="Its arguments, by name.")
    key = _word("execution key", help_text="At most one execution of the workflow has it.")
    on_conflict = serializers.ChoiceField(
        choices=["reject", "use_existing", "replace", "queue"],
        required=False,
        default="reject",
        help_text=(
            "What if the key is taken: `reject` answers 409, `use_existing` answers 200 with the "
            "execution that has it, if its input is the same. `replace` cancels it, with undo, "
            "unless it has ended; that takes the permission to cancel. `queue` begins when all "
            "earlier ones with the key have ended. These two answer 201 and give the key to the "
            "new execution, and 409 if you may not see the one that has it."
        ),
    )
    queue = WordField(_check_queue, "queue", max_length=MAX_QUEUE_LENGTH, required=False)
    priority = StrictIntegerField(required=False, default=0, min_value=0, max_value=MAX_PRIORITY)
    tags = serializers.ListField(
        child=WordField(check_key, "tag", max_length=MAX_KEY_LENGTH),
        required=False,
        default=list,
        max_length=MAX_TAGS,
    )
    subject = _word("subject", help_text="The business object it is about: `shop.order:991`.")
    correlation_id = _word("correlation id")
    start_at = InstantField(required=False, help_text="Not before then.")
    delay_seconds = SecondsField(required=False, min_value=0, max_value=MAX_SECONDS)
    ttl_seconds = SecondsField(
        required=False,
        min_value=0.001,
        max_value=MAX_SECONDS,
        help_text="It ends FAILED if it has not ended this long after its start.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse two beginnings, and what becomes of a key that is not given."""
        if attrs["on_conflict"] in TAKES_OVER and "key" not in attrs:
            raise serializers.ValidationError(
                {"on_conflict": [_("It says what becomes of a taken key: give a key.")]}
            )
        if "start_at" in attrs and "delay_seconds" in attrs:
            raise serializers.ValidationError(
                {"delay_seconds": [_("Give start_at or delay_seconds, not both.")]}
            )
        return attrs


class ReasonBody(StrictSerializer):
    """Act, and say why."""

    reason = ReasonField()


class CancelBody(StrictSerializer):
    """Cancel an execution."""

    reason = ReasonField()
    compensate = StrictBooleanField(
        required=False,
        default=True,
        help_text="Whether completed steps are undone; if not, one more permission is needed.",
    )


class ForkBody(StrictSerializer):
    """Start an execution that begins with this one's outcomes."""

    from_step = TextField(
        required=False,
        allow_null=True,
        default=None,
        max_length=500,
        trim_whitespace=False,
        help_text="The key of the first call that is made again; by default all of it runs again.",
    )
    input = ObjectField(required=False, help_text="Other arguments; by default the origin's.")
    version = StrictIntegerField(
        required=False, min_value=1, max_value=MAX_VERSION, help_text="By default the origin's."
    )
    reason = ReasonField()
    dry_run = StrictBooleanField(
        required=False, default=False, help_text="Only say what would be reused and done again."
    )


class SignalBody(StrictSerializer):
    """Send a signal."""

    name = WordField(check_name, "signal", max_length=MAX_NAME_LENGTH)
    payload = serializers.JSONField(required=False, allow_null=True, default=None)
    dedupe_key = _word("dedupe key", help_text="A second signal with it changes nothing.")


class KeyedSignalBody(SignalBody):
    """Send a signal to the execution of a workflow that has a key."""

    workflow = WordField(check_name, "workflow", max_length=MAX_NAME_LENGTH)
    key = WordField(check_key, "execution key", max_length=MAX_KEY_LENGTH)


class BroadcastBody(StrictSerializer):
    """Broadcast an event."""

    name = WordField(check_name, "event", max_length=MAX_EVENT_LENGTH)
    key = _word("event key", help_text="Only those are told that wait with it; by default, none.")
    payload = serializers.JSONField(required=False, allow_null=True, default=None)
    reason = ReasonField()
