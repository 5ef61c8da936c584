"""What the control plane remembers: bulk operations, signed links, answered requests."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from durable_django.domain.event import ActorKind
from durable_django.domain.identifiers import MAX_KEY_LENGTH, MAX_NAME_LENGTH, new_id
from durable_django.domain.status import BulkStatus
from durable_django.models.choices import choices_of, is_known
from durable_django.models.execution import WorkflowExecution


class BulkOperation(models.Model):
    """One act on many executions: which, by whom, why, and how far it is."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    action = models.CharField(max_length=32)
    #: What finds the executions: see `control.finding`.
    criteria = models.JSONField(default=dict)
    #: What the act needs besides: `{"compensate": true}`, `{"name": …, "payload": …}`.
    arguments = models.JSONField(default=dict, blank=True)
    reason = models.TextField(blank=True, default="")
    status = models.CharField(
        max_length=16,
        choices=choices_of(BulkStatus),
        default=BulkStatus.PENDING.value,
    )
    actor_kind = models.CharField(max_length=16, choices=choices_of(ActorKind))
    actor_id = models.CharField(max_length=MAX_KEY_LENGTH, blank=True, default="")
    actor_name = models.CharField(max_length=MAX_KEY_LENGTH, blank=True, default="")
    #: Ids up to this one, newest first, were dealt with.
    cursor = models.UUIDField(null=True, blank=True)
    #: What matched when it was asked for; counted no further than a limit.
    total = models.PositiveIntegerField(default=0)
    succeeded = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    #: The first refusals: `[{"id": …, "detail": …}]`.
    refusals = models.JSONField(default=list, blank=True)
    cancel_requested = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "bulk operation"
        verbose_name_plural = "bulk operations"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=is_known("status", BulkStatus), name="durable_bulk_known_status"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_name or self.actor_kind} ({self.status})"


class SignalHook(models.Model):
    """A signed link that sends one signal, once; stored as a hash only."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    execution = models.ForeignKey(WorkflowExecution, on_delete=models.CASCADE, related_name="hooks")
    signal_name = models.CharField(max_length=MAX_NAME_LENGTH)
    token_digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "signal hook"
        verbose_name_plural = "signal hooks"

    def __str__(self) -> str:
        return f"hook {self.pk} for {self.signal_name}"


class IdempotencyRecord(models.Model):
    """A request that was answered, so that its repetition gets the same answer."""

    id = models.BigAutoField(primary_key=True)
    #: SHA-256 of user, method, path and the client's key.
    scope_digest = models.CharField(max_length=64, unique=True)
    #: SHA-256 of the request's body.
    request_digest = models.CharField(max_length=64)
    #: NULL while the first request is on its way.
    response_status = models.PositiveSmallIntegerField(null=True, blank=True)
    response_headers = models.JSONField(default=dict, blank=True)
    response_body = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "idempotency record"
        verbose_name_plural = "idempotency records"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["created_at"], name="durable_idempotency_prune"),
        ]

    def __str__(self) -> str:
        return f"{self.scope_digest[:8]}… ({self.response_status})"
