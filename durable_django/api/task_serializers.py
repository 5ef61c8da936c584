"""The shapes of answers about human tasks, for the OpenAPI document.

Answers are made in `task_representing`.
"""

from __future__ import annotations

from rest_framework import serializers

from durable_django.api.serializers import ActorSerializer, ExecutionDetailSerializer, Shape
from durable_django.control.human_tasks.form_description import TYPES
from durable_django.domain.status import ExecutionStatus, TaskStatus
from durable_django.domain.task import PrincipalKind

TASK_ACTIONS = ("claim", "release", "delegate", "reassign", "complete", "cancel")


class PrincipalSerializer(Shape):
    """A user or a group."""

    kind = serializers.ChoiceField(choices=[kind.value for kind in PrincipalKind])
    name = serializers.CharField()


class TaskExecutionSerializer(Shape):
    """The execution that asks."""

    id = serializers.UUIDField()
    workflow = serializers.CharField()
    key = serializers.CharField(allow_null=True)
    subject = serializers.CharField()
    status = serializers.ChoiceField(choices=[status.value for status in ExecutionStatus])


class TaskSerializer(Shape):
    """Something a person is asked to do."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    status = serializers.ChoiceField(choices=[status.value for status in TaskStatus])
    execution = TaskExecutionSerializer()
    assignee = serializers.CharField(allow_null=True, help_text="Who has it.")
    owner = serializers.CharField(allow_null=True, help_text="Who delegated it.")
    candidates = PrincipalSerializer(many=True, help_text="Who may claim it.")
    not_by = serializers.ListField(
        child=serializers.CharField(), help_text="Users who may not do it (four eyes)."
    )
    priority = serializers.IntegerField()
    due_at = serializers.DateTimeField(allow_null=True)
    is_overdue = serializers.BooleanField()
    expires_at = serializers.DateTimeField(allow_null=True, help_text="It is over then.")
    reminders = serializers.IntegerField()
    escalated_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    claimed_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    ended_by = ActorSerializer(allow_null=True, help_text="Who completed or cancelled it.")
    actions = serializers.ListField(
        child=serializers.ChoiceField(choices=TASK_ACTIONS), help_text="What you may do with it."
    )
    links = serializers.DictField(child=serializers.URLField())


class ChoiceSerializer(Shape):
    """One of several."""

    value = serializers.CharField()
    # The stubs take the member for the property of a field, which nobody asks here.
    label = serializers.CharField()  # type: ignore[assignment]


class FormFieldSerializer(Shape):
    """A field to be filled in."""

    name = serializers.CharField()
    type = serializers.ChoiceField(choices=TYPES)
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]  # as above
    help = serializers.CharField(allow_blank=True)
    required = serializers.BooleanField()  # type: ignore[assignment]  # as above
    is_long = serializers.BooleanField(help_text="Whether its text has several lines.")
    max_length = serializers.IntegerField(allow_null=True)
    choices = ChoiceSerializer(many=True, allow_null=True)
    has_more_choices = serializers.BooleanField(help_text="Whether there are more than are told.")
    initial = serializers.JSONField()


class TaskDetailSerializer(TaskSerializer):
    """A task with what is decided on, its form, and its answer."""

    display = serializers.JSONField(
        help_text=(
            "What is decided on, secrets hidden. Who may do the task sees it without the "
            "permission for payloads; others do not."
        ),
    )
    form = FormFieldSerializer(many=True, allow_null=True)
    form_problem = serializers.CharField(
        allow_null=True, help_text="Why there is no form although the task is not over."
    )
    offers_comment = serializers.BooleanField()
    data = serializers.JSONField(  # type: ignore[assignment]  # as above
        help_text="The answer; secrets hidden."
    )
    comment = serializers.CharField(allow_blank=True)


class TaskPageSerializer(Shape):
    """A page."""

    results = TaskSerializer(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class MintedTaskLinkSerializer(Shape):
    """A link that was just made: its token and address are told this once."""

    id = serializers.UUIDField()
    user = serializers.CharField()
    token = serializers.CharField()
    url = serializers.URLField()
    expires_at = serializers.DateTimeField()


class TaskLinkSerializer(Shape):
    """A link, and what became of it."""

    id = serializers.UUIDField()
    user = serializers.CharField()
    state = serializers.ChoiceField(choices=["open", "used", "revoked", "expired"])
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    used_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class TaskLinkPageSerializer(Shape):
    """The links of a task, newest first."""

    results = TaskLinkSerializer(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class CompletedSerializer(Shape):
    """The task was completed."""

    status = serializers.ChoiceField(choices=["completed"])


class ExecutionWithTasksSerializer(ExecutionDetailSerializer):
    """An execution with its payloads, and with what `?include=` names: the first page of each."""

    tasks = TaskPageSerializer(required=False)
