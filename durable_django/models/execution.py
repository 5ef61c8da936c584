"""One run of a workflow: all scheduling truth, in one row; and the workflow it is a run of."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from durable_django.domain.identifiers import MAX_KEY_LENGTH, MAX_NAME_LENGTH, new_id
from durable_django.domain.status import (
    CLAIMABLE_STATUSES,
    ExecutionStatus,
    Guarantee,
    ParentClosePolicy,
    ParkReason,
    WaitKind,
)
from durable_django.models.choices import MAX_CALL_KEY_LENGTH, choices_of, is_known


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
        max_length=16, choices=choices_of(ExecutionStatus), default=ExecutionStatus.PENDING.value
    )
    queue = models.CharField(max_length=MAX_KEY_LENGTH, default="default")
    priority = models.PositiveSmallIntegerField(default=0)
    # Named apart in the table: KEY is a reserved word in MySQL.
    key = models.CharField(  # noqa: DJ001 -- NULL is "no key", which unique constraints pass over
        max_length=MAX_KEY_LENGTH, null=True, blank=True, db_column="execution_key"
    )
    guarantee = models.CharField(
        max_length=16, choices=choices_of(Guarantee), default=Guarantee.BACKGROUND.value
    )
    correlation_id = models.CharField(max_length=MAX_KEY_LENGTH, blank=True, default="")
    tags = models.JSONField(default=list, blank=True)
    subject = models.CharField(
        max_length=MAX_KEY_LENGTH,
        blank=True,
        default="",
        help_text="The business object it is about, such as shop.order:991.",
    )
    forked_from = models.UUIDField(null=True, blank=True)
    # No foreign key: a parent may be pruned before what it left running.
    parent_id = models.UUIDField(null=True, blank=True)
    parent_key = models.CharField(
        max_length=MAX_CALL_KEY_LENGTH, blank=True, default="", db_default=""
    )
    parent_wait = models.CharField(
        max_length=16, choices=choices_of(WaitKind), blank=True, default="", db_default=""
    )
    on_parent_close = models.CharField(
        max_length=16,
        choices=choices_of(ParentClosePolicy),
        default=ParentClosePolicy.ABANDON.value,
        db_default=ParentClosePolicy.ABANDON.value,
    )
    depth = models.PositiveSmallIntegerField(default=0, db_default=0)
    limit_key = models.CharField(max_length=MAX_KEY_LENGTH, blank=True, default="", db_default="")
    limit_max = models.PositiveIntegerField(default=0, db_default=0)
    holds_key = models.BooleanField(
        null=True,
        default=True,
        db_default=True,
        help_text="NULL once a later execution has taken the key over.",
    )

    input = models.TextField(default="null")
    output = models.TextField(null=True, blank=True)  # noqa: DJ001 -- no output yet is not an empty one
    error = models.TextField(null=True, blank=True)  # noqa: DJ001 -- no error is not an empty one
    park_reason = models.CharField(  # noqa: DJ001 -- NULL unless PARKED
        max_length=32, choices=choices_of(ParkReason), null=True, blank=True
    )
    ending = models.CharField(  # noqa: DJ001 -- NULL unless a compensation began
        max_length=16, choices=choices_of(ExecutionStatus), null=True, blank=True
    )

    wake_at = models.DateTimeField(null=True, blank=True)
    order_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="The alarm less the head start of the priority; NULL if no worker may claim it.",
    )
    waiting_kind = models.CharField(
        max_length=16, choices=choices_of(WaitKind), blank=True, default=WaitKind.NOTHING.value
    )
    waiting_for = models.CharField(max_length=MAX_CALL_KEY_LENGTH, blank=True, default="")
    fence = models.PositiveBigIntegerField(default=0)
    lease_owner = models.CharField(max_length=64, blank=True, default="")
    recoveries = models.PositiveIntegerField(default=0)
    begun_fence = models.PositiveBigIntegerField(default=0, db_default=0)
    recovered_fence = models.PositiveBigIntegerField(default=0, db_default=0)
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
            # For prefixes: without its own class, PostgreSQL takes it for LIKE only under "C".
            models.Index(
                fields=["key"], name="durable_execution_by_key", opclasses=["varchar_pattern_ops"]
            ),
            models.Index(fields=["subject", "id"], name="durable_execution_by_subject"),
            models.Index(fields=["forked_from"], name="durable_execution_forks"),
            # The open ones have no end: they are one range of it.
            models.Index(fields=["parent_id", "finished_at"], name="durable_execution_children"),
        ]
        permissions: ClassVar[Any] = [  # the stubs know nothing narrower
            ("view_payloads", "Can see inputs, results and signal payloads"),
            ("start_execution", "Can start an execution"),
            ("signal_execution", "Can send a signal and fire a timer"),
            ("cancel_execution", "Can cancel an execution, undoing its steps"),
            ("terminate_execution", "Can cancel an execution without undoing its steps"),
            ("retry_execution", "Can pause, resume and retry an execution"),
            ("fork_execution", "Can fork an execution"),
            ("bulk_execution", "Can act on many executions at once"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["workflow_name", "key", "holds_key"], name="durable_execution_key_once"
            ),
            models.CheckConstraint(
                condition=is_known("status", ExecutionStatus), name="durable_execution_known_status"
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
