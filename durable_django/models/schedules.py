"""What is started by the clock, and every tick of it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from durable_django.domain.identifiers import MAX_KEY_LENGTH, MAX_NAME_LENGTH
from durable_django.domain.schedule import (
    FoldPolicy,
    GapPolicy,
    MisfirePolicy,
    OverlapPolicy,
    ScheduleSource,
    TickKind,
    TickOutcome,
)
from durable_django.models.choices import choices_of, is_known


class Schedule(models.Model):
    """When to start which workflow with what input."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=MAX_NAME_LENGTH, unique=True)
    description = models.TextField(blank=True, default="")
    workflow_name = models.CharField(max_length=MAX_NAME_LENGTH)
    #: NULL: the highest version that is registered at the tick.
    workflow_version = models.PositiveIntegerField(null=True, blank=True)
    #: The arguments by name, encoded like any input.
    input = models.TextField(default="{}")
    #: The argument that gets the nominal instant of the tick; empty: none does.
    tick_argument = models.CharField(max_length=MAX_NAME_LENGTH, blank=True, default="")
    queue = models.CharField(max_length=MAX_KEY_LENGTH, blank=True, default="")
    priority = models.PositiveSmallIntegerField(default=0)
    tags = models.JSONField(default=list, blank=True)
    #: A cron expression of five fields, or every so many seconds from the anchor on.
    cron = models.CharField(max_length=200, blank=True, default="")
    every_seconds = models.PositiveBigIntegerField(null=True, blank=True)
    anchor_at = models.DateTimeField(null=True, blank=True)
    timezone = models.CharField(max_length=64, default="UTC")
    gap = models.CharField(
        max_length=16, choices=choices_of(GapPolicy), default=GapPolicy.SHIFT.value
    )
    fold = models.CharField(
        max_length=16, choices=choices_of(FoldPolicy), default=FoldPolicy.FIRST.value
    )
    misfire = models.CharField(
        max_length=16, choices=choices_of(MisfirePolicy), default=MisfirePolicy.LATEST.value
    )
    misfire_grace_seconds = models.PositiveIntegerField(default=86_400)
    overlap = models.CharField(
        max_length=16, choices=choices_of(OverlapPolicy), default=OverlapPolicy.SKIP.value
    )
    source = models.CharField(
        max_length=8, choices=choices_of(ScheduleSource), default=ScheduleSource.USER.value
    )
    is_enabled = models.BooleanField(default=True)
    disabled_reason = models.TextField(blank=True, default="")
    #: Disabled after so many failed starts in a row; 0: never.
    disable_after = models.PositiveSmallIntegerField(default=5)
    consecutive_failures = models.PositiveIntegerField(default=0)
    #: The alarm: the nominal instant of the next tick; NULL while disabled.
    next_tick_at = models.DateTimeField(null=True, blank=True)
    last_tick_at = models.DateTimeField(null=True, blank=True)
    #: Who last changed it.
    actor_name = models.CharField(max_length=MAX_KEY_LENGTH, blank=True, default="")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name = "schedule"
        verbose_name_plural = "schedules"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["next_tick_at"], name="durable_schedule_due"),
        ]
        permissions: ClassVar[Any] = [  # the stubs know nothing narrower
            ("run_schedule", "Can trigger a schedule and backfill it"),
        ]

    def __str__(self) -> str:
        return self.name


class ScheduleTick(models.Model):
    """What became of one nominal instant of a schedule."""

    id = models.BigAutoField(primary_key=True)
    schedule = models.ForeignKey(
        Schedule, on_delete=models.CASCADE, db_index=False, related_name="ticks"
    )
    #: The nominal instant, UTC.
    tick_at = models.DateTimeField()
    kind = models.CharField(
        max_length=16, choices=choices_of(TickKind), default=TickKind.CLOCK.value
    )
    outcome = models.CharField(max_length=16, choices=choices_of(TickOutcome))
    # No foreign key: executions are pruned before their schedules.
    execution_id = models.UUIDField(null=True, blank=True)
    detail = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "schedule tick"
        verbose_name_plural = "schedule ticks"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["schedule", "tick_at"], name="durable_tick_once_per_instant"
            ),
            models.CheckConstraint(
                condition=is_known("outcome", TickOutcome), name="durable_tick_known_outcome"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tick_at:%Y-%m-%d %H:%M:%S} ({self.outcome})"
