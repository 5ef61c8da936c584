"""What is an execution's own: its checkpoints, timers, signals and events."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from durable_django.domain.event import ActorKind, EventType
from durable_django.domain.identifiers import MAX_KEY_LENGTH, MAX_NAME_LENGTH, new_id
from durable_django.domain.status import CheckpointKind, CheckpointStatus, SignalStatus, TimerStatus
from durable_django.models.choices import MAX_CALL_KEY_LENGTH, choices_of, is_known
from durable_django.models.execution import WorkflowExecution


class StepCheckpoint(models.Model):
    """One attempt of one durable call: its intent, result or failure."""

    id = models.BigAutoField(primary_key=True)
    # No index of its own: the unique constraint begins with it.
    execution = models.ForeignKey(
        WorkflowExecution, on_delete=models.CASCADE, db_index=False, related_name="checkpoints"
    )
    key = models.CharField(max_length=MAX_CALL_KEY_LENGTH, db_column="call_key")
    name = models.CharField(max_length=MAX_CALL_KEY_LENGTH)
    position = models.PositiveIntegerField()
    branch_position = models.PositiveIntegerField(default=0, db_default=0)
    kind = models.CharField(max_length=16, choices=choices_of(CheckpointKind))
    attempt = models.PositiveIntegerField(default=1)
    epoch = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=16, choices=choices_of(CheckpointStatus))
    action = models.TextField(blank=True, default="")
    compensation = models.TextField(blank=True, default="")
    input = models.TextField(blank=True, default="")
    input_digest = models.CharField(max_length=128, blank=True, default="")
    output = models.TextField(null=True, blank=True)  # noqa: DJ001 -- no output yet is not an empty one
    error = models.TextField(null=True, blank=True)  # noqa: DJ001 -- no error is not an empty one
    is_final = models.BooleanField(default=False)
    retry_at = models.DateTimeField(null=True, blank=True)
    idempotency_key = models.CharField(max_length=64, blank=True, default="")
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "checkpoint"
        verbose_name_plural = "checkpoints"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["execution", "key", "attempt"], name="durable_checkpoint_attempt_once"
            ),
            models.CheckConstraint(
                condition=is_known("status", CheckpointStatus),
                name="durable_checkpoint_known_status",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key}, attempt {self.attempt} ({self.status})"


class WorkflowTimer(models.Model):
    """Wakes its execution at an instant that was fixed when it was first registered."""

    id = models.BigAutoField(primary_key=True)
    execution = models.ForeignKey(
        WorkflowExecution, on_delete=models.CASCADE, db_index=False, related_name="timers"
    )
    key = models.CharField(max_length=MAX_CALL_KEY_LENGTH, db_column="call_key")
    fire_at = models.DateTimeField()
    status = models.CharField(
        max_length=16, choices=choices_of(TimerStatus), default=TimerStatus.PENDING.value
    )

    class Meta:
        verbose_name = "timer"
        verbose_name_plural = "timers"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["execution", "key"], name="durable_timer_once_per_call"
            ),
            models.CheckConstraint(
                condition=is_known("status", TimerStatus), name="durable_timer_known_status"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} at {self.fire_at:%Y-%m-%d %H:%M:%S} ({self.status})"


class WorkflowSignal(models.Model):
    """A named message to one execution, and what became of it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    execution = models.ForeignKey(
        WorkflowExecution, on_delete=models.CASCADE, db_index=False, related_name="signals"
    )
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    payload = models.TextField()
    position = models.PositiveBigIntegerField()
    status = models.CharField(
        max_length=16, choices=choices_of(SignalStatus), default=SignalStatus.PENDING.value
    )
    dedupe_key = models.CharField(max_length=MAX_KEY_LENGTH, null=True, blank=True)  # noqa: DJ001 -- NULL is "not deduplicated", which unique constraints pass over
    created_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "signal"
        verbose_name_plural = "signals"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["execution", "position"], name="durable_signal_position_once"
            ),
            models.UniqueConstraint(
                fields=["execution", "dedupe_key"], name="durable_signal_dedupe_key_once"
            ),
            models.CheckConstraint(
                condition=is_known("status", SignalStatus), name="durable_signal_known_status"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} #{self.position} ({self.status})"


class EventSubscription(models.Model):
    """An execution waits for a broadcast: whoever broadcasts finds it here."""

    id = models.BigAutoField(primary_key=True)
    execution = models.ForeignKey(
        WorkflowExecution,
        on_delete=models.CASCADE,
        db_index=False,
        related_name="event_subscriptions",
    )
    call_key = models.CharField(max_length=MAX_CALL_KEY_LENGTH)
    #: The name of the signal that a broadcast becomes in the execution's mailbox.
    topic = models.CharField(max_length=MAX_NAME_LENGTH)

    class Meta:
        verbose_name = "event subscription"
        verbose_name_plural = "event subscriptions"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["topic", "execution"], name="durable_event_waiters"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["execution", "call_key"], name="durable_subscription_once_per_call"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.call_key} waits for {self.topic}"


class ExecutionEvent(models.Model):
    """What somebody did to an execution; written with the act, never changed."""

    #: The sequence of the feed: rises in commit order within an execution.
    id = models.BigAutoField(primary_key=True)
    execution = models.ForeignKey(
        WorkflowExecution, on_delete=models.CASCADE, db_index=False, related_name="events"
    )
    type = models.CharField(max_length=32, choices=choices_of(EventType))
    actor_kind = models.CharField(max_length=16, choices=choices_of(ActorKind))
    actor_id = models.CharField(max_length=MAX_KEY_LENGTH, blank=True, default="")
    actor_name = models.CharField(max_length=MAX_KEY_LENGTH, blank=True, default="")
    reason = models.TextField(blank=True, default="")
    details = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "event"
        verbose_name_plural = "events"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["execution", "id"], name="durable_event_feed"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=is_known("type", EventType), name="durable_event_known_type"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} by {self.actor_name or self.actor_kind}"
