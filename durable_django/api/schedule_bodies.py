"""What requests about schedules and queues may say: strict, like all of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from durable_django.api.bodies import (
    MAX_SECONDS,
    MAX_VERSION,
    InstantField,
    ObjectField,
    ReasonField,
    StrictBooleanField,
    StrictIntegerField,
    TextField,
)
from durable_django.api.http.strict import StrictSerializer, WordField
from durable_django.domain.cron import MAX_CRON_LENGTH
from durable_django.domain.identifiers import (
    MAX_KEY_LENGTH,
    MAX_NAME_LENGTH,
    MAX_QUEUE_LENGTH,
    check_key,
    check_name,
    check_queue,
)
from durable_django.domain.schedule import FoldPolicy, GapPolicy, MisfirePolicy, OverlapPolicy
from durable_django.domain.work_queue import MAX_RUNNING
from durable_django.engine.starting import MAX_PRIORITY, MAX_TAGS
from durable_django.scheduling.rules import LONGEST_TEXT

_LONGEST_ZONE = 64
_LONGEST_RATE = 50
_MOST_FAILURES = 32_767
#: What options of `schedules.create` are called here, where that is something else.
_SECONDS = {"every_seconds": "every", "misfire_grace_seconds": "misfire_grace"}


def _choice(policies: Any, **options: Any) -> serializers.ChoiceField:
    return serializers.ChoiceField(
        choices=[policy.value for policy in policies], required=False, **options
    )


def _check_queue(_kind: str, queue: object) -> str:
    return check_queue(queue)


def _text(longest: int, **options: Any) -> TextField:
    return TextField(required=False, max_length=longest, trim_whitespace=False, **options)


class ScheduleChangesBody(StrictSerializer):
    """Change a schedule; what is left out stays as it is."""

    workflow = WordField(check_name, "workflow", max_length=MAX_NAME_LENGTH, required=False)
    version = StrictIntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MAX_VERSION,
        help_text="null: the highest that is registered at each tick.",
    )
    input = ObjectField(required=False, help_text="The workflow's arguments, by name.")
    tick_argument = _text(
        MAX_NAME_LENGTH,
        allow_blank=True,
        help_text="The argument that gets the nominal instant of the tick.",
    )
    cron = _text(
        MAX_CRON_LENGTH,
        allow_blank=True,
        help_text="Five fields, in the time of `timezone`; takes the place of an interval.",
    )
    every_seconds = StrictIntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MAX_SECONDS,
        help_text="An interval; takes the place of a cron expression.",
    )
    anchor_at = InstantField(
        required=False, allow_null=True, help_text="What intervals are counted from."
    )
    timezone = _text(_LONGEST_ZONE, help_text="An IANA name: `Europe/Berlin`.")
    description = _text(LONGEST_TEXT, allow_blank=True)
    queue = WordField(
        _check_queue,
        "queue",
        max_length=MAX_QUEUE_LENGTH,
        required=False,
        allow_blank=True,
        help_text="Empty: the workflow's.",
    )
    priority = StrictIntegerField(required=False, min_value=0, max_value=MAX_PRIORITY)
    tags = serializers.ListField(
        child=WordField(check_key, "tag", max_length=MAX_KEY_LENGTH),
        required=False,
        max_length=MAX_TAGS,
    )
    gap = _choice(GapPolicy, help_text="A local time that the clock is put forward over.")
    fold = _choice(FoldPolicy, help_text="A local time that comes twice.")
    misfire = _choice(MisfirePolicy, help_text="Ticks that nobody was there for.")
    misfire_grace_seconds = StrictIntegerField(required=False, min_value=0, max_value=MAX_SECONDS)
    overlap = _choice(OverlapPolicy, help_text="A tick whose predecessor has not ended.")
    disable_after = StrictIntegerField(
        required=False,
        min_value=0,
        max_value=_MOST_FAILURES,
        help_text="Disabled after so many failed starts in a row; 0: never.",
    )


class NewScheduleBody(ScheduleChangesBody):
    """Add a schedule. Give `cron` or `every_seconds`."""

    name = WordField(check_name, "schedule", max_length=MAX_NAME_LENGTH)
    workflow = WordField(check_name, "workflow", max_length=MAX_NAME_LENGTH)


class BackfillBody(StrictSerializer):
    """Start the ticks of the past that started nothing."""

    dry_run = StrictBooleanField(
        required=False, default=False, help_text="Only say which ticks it would start."
    )
    reason = ReasonField()

    def get_fields(self) -> dict[str, Any]:
        """Return the members; one is called as a word of Python is."""
        return {
            "from": InstantField(help_text="A tick at this instant is one of them."),
            "to": InstantField(help_text="A tick at this instant is none. Not in the future."),
            **super().get_fields(),
        }


class QueueLimitsBody(StrictSerializer):
    """Limit a queue; what is left out stays as it is, null is no limit."""

    max_running = StrictIntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MAX_RUNNING,
        help_text="At most so many executions of it are run at one moment.",
    )
    rate = _text(
        _LONGEST_RATE,
        allow_null=True,
        help_text="At most so many of it begin in each period: `100/min`, `5/10s`.",
    )
    reason = ReasonField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a change of nothing."""
        if not attrs.keys() - {"reason"}:
            raise serializers.ValidationError(_("Give max_running or rate, or both."))
        return attrs


def to_options(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a body says as the options of `schedules.create` and `schedules.update`."""
    return {_SECONDS.get(name, name): _to_option(name, value) for name, value in body.items()}


def _to_option(name: str, value: Any) -> Any:
    is_span = name in _SECONDS and value is not None
    return timedelta(seconds=value) if is_span else value
