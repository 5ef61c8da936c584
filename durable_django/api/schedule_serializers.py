"""The shapes of answers about schedules and queues, for the OpenAPI document.

Answers are made in `schedule_representing`.
"""

from __future__ import annotations

from rest_framework import serializers

from durable_django.api.serializers import Shape
from durable_django.control.schedules.acting import PERMISSIONS_OF
from durable_django.domain.schedule import (
    FoldPolicy,
    GapPolicy,
    MisfirePolicy,
    OverlapPolicy,
    ScheduleSource,
    TickKind,
    TickOutcome,
)
from durable_django.domain.status import ExecutionStatus, QueueMode

SCHEDULE_ACTIONS = tuple(act for act in PERMISSIONS_OF if act != "create")
QUEUE_ACTIONS = ("configure", "pause", "drain", "resume")


class NextRunSerializer(Shape):
    """An instant at which it will tick, were it enabled."""

    at = serializers.DateTimeField()
    local = serializers.DateTimeField(help_text="The same, on the clock of its time zone.")


class TickExecutionSerializer(Shape):
    """What a tick started."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=[status.value for status in ExecutionStatus])
    link = serializers.URLField()


class TickSerializer(Shape):
    """What became of one nominal instant of a schedule."""

    tick_at = serializers.DateTimeField()
    local = serializers.DateTimeField(help_text="The same, on the clock of its time zone.")
    kind = serializers.ChoiceField(choices=[kind.value for kind in TickKind])
    outcome = serializers.ChoiceField(choices=[outcome.value for outcome in TickOutcome])
    detail = serializers.CharField(allow_blank=True, help_text="Why, in words.")
    execution = TickExecutionSerializer(
        allow_null=True, help_text="null too if you may not see it, or it was deleted."
    )
    created_at = serializers.DateTimeField()


class TickPageSerializer(Shape):
    """The ticks of a schedule, the latest first."""

    results = TickSerializer(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class ScheduleSerializer(Shape):
    """When which workflow is started, and with what."""

    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    workflow = serializers.CharField()
    version = serializers.IntegerField(allow_null=True)
    input = serializers.JSONField(help_text="Secrets hidden; needs the permission for payloads.")
    tick_argument = serializers.CharField(allow_blank=True)
    cron = serializers.CharField(allow_null=True)
    every_seconds = serializers.IntegerField(allow_null=True)
    anchor_at = serializers.DateTimeField(allow_null=True)
    timezone = serializers.CharField()
    in_words = serializers.CharField(allow_blank=True, help_text="When it ticks, in English.")
    problem = serializers.CharField(allow_null=True, help_text="Why it cannot tick.")
    next_runs = NextRunSerializer(many=True, help_text="The next five, were it enabled.")
    queue = serializers.CharField(allow_blank=True, help_text="Empty: the workflow's.")
    priority = serializers.IntegerField()
    tags = serializers.ListField(child=serializers.CharField())
    gap = serializers.ChoiceField(choices=[policy.value for policy in GapPolicy])
    fold = serializers.ChoiceField(choices=[policy.value for policy in FoldPolicy])
    misfire = serializers.ChoiceField(choices=[policy.value for policy in MisfirePolicy])
    misfire_grace_seconds = serializers.IntegerField()
    overlap = serializers.ChoiceField(choices=[policy.value for policy in OverlapPolicy])
    # The stubs take the member for the property of a field, which nobody asks here.
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=[source.value for source in ScheduleSource],
        help_text="What the code defines is changed there.",
    )
    is_enabled = serializers.BooleanField()
    disabled_reason = serializers.CharField(allow_blank=True)
    disable_after = serializers.IntegerField()
    consecutive_failures = serializers.IntegerField()
    next_tick_at = serializers.DateTimeField(allow_null=True)
    last_tick_at = serializers.DateTimeField(allow_null=True)
    late_seconds = serializers.IntegerField(
        allow_null=True, help_text="How long its next tick has been due, if too long."
    )
    last_tick = TickSerializer(allow_null=True)
    changed_by = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    actions = serializers.ListField(
        child=serializers.ChoiceField(choices=SCHEDULE_ACTIONS),
        help_text="What you may do with it.",
    )
    links = serializers.DictField(child=serializers.URLField())


class SchedulePageSerializer(Shape):
    """A page."""

    results = ScheduleSerializer(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class TriggeredSerializer(Shape):
    """What was started."""

    execution_id = serializers.UUIDField()
    link = serializers.URLField()


class BackfilledSerializer(Shape):
    """What a backfill started, or would start."""

    dry_run = serializers.BooleanField()
    count = serializers.IntegerField()
    ticks = serializers.ListField(
        child=serializers.DateTimeField(), help_text="The earliest first; at most a thousand."
    )
    execution_ids = serializers.ListField(
        child=serializers.UUIDField(), help_text="Theirs, in that order; none if it was a dry run."
    )


class QueueFiguresSerializer(Shape):
    """What is in a queue for workers: executions that have not ended."""

    due = serializers.IntegerField(help_text="Their time has come, or their worker was lost.")
    running = serializers.IntegerField(help_text="Held by a worker.")
    waiting = serializers.IntegerField(help_text="They sleep, wait, or are held back.")
    held_back = serializers.IntegerField(help_text="Of those that wait: by a limit they share.")
    begun = serializers.IntegerField(help_text="None is left of a queue that was drained.")


class QueueSerializer(Shape):
    """How a queue is controlled, and what is in it."""

    name = serializers.CharField()
    mode = serializers.ChoiceField(choices=[mode.value for mode in QueueMode])
    max_running = serializers.IntegerField(allow_null=True, help_text="null: no limit.")
    rate = serializers.CharField(allow_null=True, help_text="null: no limit.")
    reason = serializers.CharField(allow_blank=True, help_text="Of the latest change.")
    changed_by = serializers.CharField(allow_blank=True)
    changed_at = serializers.DateTimeField(allow_null=True)
    is_drained = serializers.BooleanField(help_text="Whether nothing that has begun is left.")
    figures = QueueFiguresSerializer()
    actions = serializers.ListField(
        child=serializers.ChoiceField(choices=QUEUE_ACTIONS), help_text="What you may do with it."
    )
    links = serializers.DictField(child=serializers.URLField())


class QueuePageSerializer(Shape):
    """The queues, by name."""

    results = QueueSerializer(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
