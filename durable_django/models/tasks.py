"""What people are asked to do, who may do it, and the links that let them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from durable_django.domain.event import ActorKind
from durable_django.domain.identifiers import MAX_KEY_LENGTH, MAX_NAME_LENGTH, new_id
from durable_django.domain.status import TaskStatus
from durable_django.domain.task import PrincipalKind
from durable_django.models.choices import MAX_CALL_KEY_LENGTH, choices_of, is_known
from durable_django.models.execution import WorkflowExecution


class HumanTask(models.Model):
    """One question of one execution to people; completing it lets the execution go on."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    execution = models.ForeignKey(
        WorkflowExecution, on_delete=models.CASCADE, db_index=False, related_name="tasks"
    )
    key = models.CharField(max_length=MAX_CALL_KEY_LENGTH, db_column="call_key")
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    status = models.CharField(
        max_length=16, choices=choices_of(TaskStatus), default=TaskStatus.OPEN.value
    )
    is_active = models.BooleanField(
        null=True, default=True, help_text="NULL once it is over: one is active per call."
    )
    title = models.CharField(max_length=MAX_KEY_LENGTH, blank=True, default="")
    description = models.TextField(blank=True, default="")
    #: What the person sees beside the form, encoded like a payload: names and values.
    display = models.TextField(blank=True, default="")
    #: The import path of a Django form, or empty.
    form = models.CharField(max_length=MAX_CALL_KEY_LENGTH, blank=True, default="")
    #: Else the fields: see `domain.task_form`.
    fields = models.JSONField(default=list, blank=True)
    #: The user who has it; empty: whoever claims it.
    assignee = models.CharField(max_length=MAX_KEY_LENGTH, blank=True, default="")
    #: Who delegated it.
    owner = models.CharField(max_length=MAX_KEY_LENGTH, blank=True, default="")
    #: Users who may not complete it: the four-eyes rule.
    not_by = models.JSONField(default=list, blank=True)
    priority = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    remind_every_seconds = models.FloatField(null=True, blank=True)
    remind_at = models.DateTimeField(null=True, blank=True)
    reminders = models.PositiveIntegerField(default=0)
    escalate_at = models.DateTimeField(null=True, blank=True)
    #: Who may do it too from then on: principals such as `group:finance`.
    escalate_to = models.JSONField(default=list, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    #: The answer, encoded like a payload.
    data = models.TextField(null=True, blank=True)  # noqa: DJ001 -- no answer is not an empty one
    comment = models.TextField(blank=True, default="")
    actor_kind = models.CharField(
        max_length=16, choices=choices_of(ActorKind), blank=True, default=""
    )
    actor_id = models.CharField(max_length=MAX_KEY_LENGTH, blank=True, default="")
    actor_name = models.CharField(max_length=MAX_KEY_LENGTH, blank=True, default="")
    created_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name = "human task"
        verbose_name_plural = "human tasks"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["status", "due_at"], name="durable_task_inbox"),
            models.Index(fields=["assignee", "status"], name="durable_task_of_user"),
        ]
        permissions: ClassVar[Any] = [  # the stubs know nothing narrower
            ("complete_humantask", "Can claim, release, delegate and complete human tasks"),
            ("reassign_humantask", "Can reassign and cancel human tasks of others"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["execution", "key", "is_active"], name="durable_task_one_active_per_call"
            ),
            models.CheckConstraint(
                condition=is_known("status", TaskStatus), name="durable_task_known_status"
            ),
        ]

    def __str__(self) -> str:
        # Not the title: what a workflow wrote there is shown only with its secrets hidden.
        return f"{self.name} ({self.status})"


class HumanTaskCandidate(models.Model):
    """A user or a group whose members may claim a task."""

    id = models.BigAutoField(primary_key=True)
    task = models.ForeignKey(
        HumanTask, on_delete=models.CASCADE, db_index=False, related_name="candidates"
    )
    kind = models.CharField(max_length=8, choices=choices_of(PrincipalKind))
    name = models.CharField(max_length=MAX_KEY_LENGTH)

    class Meta:
        verbose_name = "candidate"
        verbose_name_plural = "candidates"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["kind", "name", "task"], name="durable_task_candidates"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["task", "kind", "name"], name="durable_task_candidate_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


class HumanTaskLink(models.Model):
    """A signed link with which one person completes one task, once; stored as a hash only."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    task = models.ForeignKey(HumanTask, on_delete=models.CASCADE, related_name="links")
    #: The user it was made for; the answer is theirs.
    user = models.CharField(max_length=MAX_KEY_LENGTH)
    token_digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "human task link"
        verbose_name_plural = "human task links"

    def __str__(self) -> str:
        return f"link {self.pk} for {self.user}"
