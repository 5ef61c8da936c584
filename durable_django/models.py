"""Tables: what is stored of workflows, executions, checkpoints, timers and signals.

Shape and constraints only: the engine decides, the ORM store writes. Rows written past the store
lose its promises; reading them, joining them and filtering on them is what they are for.

Payloads are text, because the databases disagree about what JSON may hold; JSONField is only for
what people filter on. No rule rests on a conditional constraint, which MariaDB drops silently:
where a rule needs a condition, the column is NULL outside it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from django.db import models
from django.db.models import Q

from durable_django.domain.identifiers import MAX_KEY_LENGTH, MAX_NAME_LENGTH, new_id
from durable_django.domain.status import (
    CLAIMABLE_STATUSES,
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    Guarantee,
    ParkReason,
    SignalStatus,
    TimerStatus,
    WaitKind,
)

#: A scoped name with its occurrence: `prepare/stock#2`, `~undo/prepare/stock#2`.
MAX_CALL_KEY_LENGTH = 500


def _choices(values: type[StrEnum]) -> list[tuple[str, str]]:
    return [(value.value, value.name.replace("_", " ").lower()) for value in values]


def _known(column: str, values: type[StrEnum]) -> Q:
    return Q(**{f"{column}__in": [value.value for value in values]})


class Workflow(models.Model):
    """One version of a workflow that was started here.

    For people: an execution carries its workflow's name and version itself.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    version = models.PositiveIntegerField()

    class Meta:
        verbose_name = "workflow"
        verbose_name_plural = "workflows"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["name", "version"], name="durable_workflow_one_per_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class WorkflowExecution(models.Model):
    """One run of a workflow: all scheduling truth, in one row."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # No constraint: the row it points to is written lazily, and may be missing after a rollback.
    workflow = models.ForeignKey(
        Workflow,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="executions",
    )
    workflow_name = models.CharField(max_length=MAX_NAME_LENGTH)
    workflow_version = models.PositiveIntegerField()
    status = models.CharField(
        max_length=16, choices=_choices(ExecutionStatus), default=ExecutionStatus.PENDING.value
    )
    queue = models.CharField(max_length=MAX_KEY_LENGTH, default="default")
    priority = models.PositiveSmallIntegerField(default=0)
    # Named apart in the table: KEY is a reserved word in MySQL.
    key = models.CharField(  # noqa: DJ001 -- NULL is "no key", which unique constraints pass over
        max_length=MAX_KEY_LENGTH, null=True, blank=True, db_column="execution_key"
    )
    guarantee = models.CharField(
        max_length=16, choices=_choices(Guarantee), default=Guarantee.BACKGROUND.value
    )
    correlation_id = models.CharField(max_length=MAX_KEY_LENGTH, blank=True, default="")
    tags = models.JSONField(default=list, blank=True)

    input = models.TextField(default="null")
    output = models.TextField(null=True, blank=True)  # noqa: DJ001 -- no output yet is not an empty one
    error = models.TextField(null=True, blank=True)  # noqa: DJ001 -- no error is not an empty one
    park_reason = models.CharField(  # noqa: DJ001 -- NULL unless PARKED
        max_length=32, choices=_choices(ParkReason), null=True, blank=True
    )
    ending = models.CharField(  # noqa: DJ001 -- NULL unless a compensation began
        max_length=16, choices=_choices(ExecutionStatus), null=True, blank=True
    )

    wake_at = models.DateTimeField(null=True, blank=True)
    order_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="The alarm less the head start of the priority; NULL if no worker may claim it.",
    )
    waiting_kind = models.CharField(
        max_length=16, choices=_choices(WaitKind), blank=True, default=WaitKind.NOTHING.value
    )
    waiting_for = models.CharField(max_length=MAX_CALL_KEY_LENGTH, blank=True, default="")
    fence = models.PositiveBigIntegerField(default=0)
    lease_owner = models.CharField(max_length=64, blank=True, default="")
    recoveries = models.PositiveIntegerField(default=0)
    begun_fence = models.PositiveBigIntegerField(default=0, db_default=0)
    epoch = models.PositiveIntegerField(default=0)
    signal_count = models.PositiveBigIntegerField(default=0)

    expires_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancel_reason = models.TextField(blank=True, default="")
    cancel_compensates = models.BooleanField(default=True)
    pause_requested_at = models.DateTimeField(null=True, blank=True)
    progress = models.JSONField(default=dict, blank=True)

    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "execution"
        verbose_name_plural = "executions"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["queue", "order_at"], name="durable_execution_claim"),
            models.Index(fields=["status", "id"], name="durable_execution_by_status"),
            models.Index(fields=["workflow_name", "id"], name="durable_execution_by_workflow"),
            models.Index(fields=["finished_at"], name="durable_execution_prune"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["workflow_name", "key"], name="durable_execution_key_once"
            ),
            models.CheckConstraint(
                condition=_known("status", ExecutionStatus), name="durable_execution_known_status"
            ),
            models.CheckConstraint(
                condition=Q(priority__gte=0, priority__lte=1000),
                name="durable_execution_priority_range",
            ),
            models.CheckConstraint(
                condition=Q(wake_at__isnull=True)
                | Q(status__in=sorted(status.value for status in CLAIMABLE_STATUSES)),
                name="durable_execution_alarm_only_if_claimable",
            ),
            models.CheckConstraint(
                condition=Q(order_at__isnull=True)
                | Q(wake_at__isnull=False, guarantee=Guarantee.BACKGROUND.value),
                name="durable_execution_order_needs_alarm",
            ),
            models.CheckConstraint(
                condition=Q(order_at__isnull=False)
                | Q(wake_at__isnull=True)
                | Q(guarantee=Guarantee.FOREGROUND.value),
                name="durable_execution_alarm_is_ordered",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workflow_name} {self.pk} ({self.status})"


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
    kind = models.CharField(max_length=16, choices=_choices(CheckpointKind))
    attempt = models.PositiveIntegerField(default=1)
    epoch = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=16, choices=_choices(CheckpointStatus))
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
                condition=_known("status", CheckpointStatus), name="durable_checkpoint_known_status"
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
        max_length=16, choices=_choices(TimerStatus), default=TimerStatus.PENDING.value
    )

    class Meta:
        verbose_name = "timer"
        verbose_name_plural = "timers"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["execution", "key"], name="durable_timer_once_per_call"
            ),
            models.CheckConstraint(
                condition=_known("status", TimerStatus), name="durable_timer_known_status"
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
        max_length=16, choices=_choices(SignalStatus), default=SignalStatus.PENDING.value
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
                condition=_known("status", SignalStatus), name="durable_signal_known_status"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} #{self.position} ({self.status})"


class Doorbell(models.Model):
    """Whether somebody was told lately to look into a queue; a hint, never the truth."""

    slot = models.CharField(max_length=MAX_KEY_LENGTH, primary_key=True)
    pending_until = models.DateTimeField()

    class Meta:
        verbose_name = "doorbell"
        verbose_name_plural = "doorbells"

    def __str__(self) -> str:
        return f"{self.slot} until {self.pending_until:%Y-%m-%d %H:%M:%S}"


class WorkerHeartbeat(models.Model):
    """A process that advances executions, as it last reported itself; for people only."""

    id = models.CharField(max_length=64, primary_key=True)
    host = models.CharField(max_length=255, blank=True, default="")
    pid = models.PositiveBigIntegerField(default=0)
    kind = models.CharField(max_length=32, blank=True, default="")
    queues = models.TextField(blank=True, default="")
    claimed = models.PositiveBigIntegerField(default=0)
    finished = models.PositiveBigIntegerField(default=0)
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()

    class Meta:
        verbose_name = "worker"
        verbose_name_plural = "workers"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["beat_at"], name="durable_worker_by_beat"),
        ]

    def __str__(self) -> str:
        return f"{self.kind or 'worker'} {self.pid} on {self.host}"
