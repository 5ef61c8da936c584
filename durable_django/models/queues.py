"""What limits how much is under way at once: queues, and keys that executions share."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from durable_django.domain.identifiers import MAX_KEY_LENGTH
from durable_django.domain.status import QueueMode
from durable_django.models.choices import choices_of, is_known
from durable_django.models.execution import WorkflowExecution


class WorkQueue(models.Model):
    """A queue that is not left to itself: limited, draining or paused."""

    name = models.CharField(max_length=MAX_KEY_LENGTH, primary_key=True)
    mode = models.CharField(
        max_length=16, choices=choices_of(QueueMode), default=QueueMode.OPEN.value
    )
    #: At most so many executions of it are run at one moment, over all workers. NULL: no limit.
    max_running = models.PositiveIntegerField(null=True, blank=True)
    #: At most so many executions of it begin in each period. NULL: no limit.
    rate_limit = models.PositiveIntegerField(null=True, blank=True)
    rate_period_seconds = models.FloatField(null=True, blank=True)
    #: The token bucket of the rate, and when it was last filled.
    tokens = models.FloatField(default=0)
    tokens_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True, default="")
    #: Who last changed it.
    actor_name = models.CharField(max_length=MAX_KEY_LENGTH, blank=True, default="")
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name = "queue"
        verbose_name_plural = "queues"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=is_known("mode", QueueMode), name="durable_queue_known_mode"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.mode})"


class LimitGroup(models.Model):
    """The executions that share a limit; its row is the lock under which they are admitted."""

    key = models.CharField(max_length=MAX_KEY_LENGTH, primary_key=True, db_column="group_key")
    #: At most so many are under way at once, as the latest start said.
    max_admitted = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name = "limit"
        verbose_name_plural = "limits"

    def __str__(self) -> str:
        return self.key


class LimitTicket(models.Model):
    """The place of one execution under its limit: waiting, or admitted until it ends."""

    id = models.BigAutoField(primary_key=True)
    execution = models.OneToOneField(
        WorkflowExecution, on_delete=models.CASCADE, related_name="limit_ticket"
    )
    group_key = models.CharField(max_length=MAX_KEY_LENGTH)
    #: Not admitted before then.
    ready_at = models.DateTimeField()
    #: `ready_at` less the head start of the priority: who is first.
    order_at = models.DateTimeField()
    admitted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "limit ticket"
        verbose_name_plural = "limit tickets"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["group_key", "admitted_at", "order_at"], name="durable_limit_line"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group_key} ({'admitted' if self.admitted_at else 'waiting'})"
