"""The shapes of answers, for the OpenAPI document. Answers are made in `representing`."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from durable_django.control.actions import Action
from durable_django.control.history.history import HistoryType
from durable_django.domain.event import ActorKind
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    ParentClosePolicy,
    ParkReason,
    SignalStatus,
    TimerStatus,
    WaitKind,
)
from durable_django.engine.branches import BranchStatus

Shape = serializers.Serializer[Any]


def _choice(values: Any, **options: Any) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=[value.value for value in values], **options)


def _instant(help_text: str = "", **options: Any) -> serializers.DateTimeField:
    return serializers.DateTimeField(help_text=help_text, **options)


class RootSerializer(Shape):
    """The index of the API."""

    version = serializers.CharField()
    links = serializers.DictField(child=serializers.URLField())


class ProblemDetailSerializer(Shape):
    """One part of the body that is wrong."""

    pointer = serializers.CharField(help_text="A JSON pointer into the body; empty for all of it.")
    detail = serializers.CharField()


class ProblemSerializer(Shape):
    """What went wrong (RFC 9457). Programs decide by `code`."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField()
    code = serializers.CharField()
    # The stubs take the member for the property of a serializer, which nobody asks here.
    errors = ProblemDetailSerializer(many=True, required=False)  # type: ignore[assignment]


class ActorSerializer(Shape):
    """Who acted."""

    kind = _choice(ActorKind)
    id = serializers.CharField()
    name = serializers.CharField()


class ErrorSerializer(Shape):
    """What an execution or an attempt failed with; never a traceback."""

    type = serializers.CharField()
    message = serializers.CharField()
    code = serializers.CharField()
    call = serializers.CharField(help_text="The key of the call whose failure it is.")


class WaitSerializer(Shape):
    """What an execution waits for."""

    kind = _choice([kind for kind in WaitKind if kind is not WaitKind.NOTHING])
    name = serializers.CharField(help_text="The name of the signal, timer or step.")
    until = _instant("It goes on then at the latest.", allow_null=True)


class ExecutionSerializer(Shape):
    """One run of a workflow."""

    id = serializers.UUIDField()
    workflow = serializers.CharField()
    version = serializers.IntegerField()
    status = _choice(ExecutionStatus)
    key = serializers.CharField(allow_null=True)
    queue = serializers.CharField()
    priority = serializers.IntegerField()
    tags = serializers.ListField(child=serializers.CharField())
    subject = serializers.CharField(help_text="The business object it is about, or nothing.")
    correlation_id = serializers.CharField()
    forked_from = serializers.UUIDField(allow_null=True)
    parent = serializers.UUIDField(  # type: ignore[assignment]  # a member, not the serializer's own
        allow_null=True, help_text="The execution that started it."
    )
    parent_call = serializers.CharField(help_text="The key of the call there, or nothing.")
    depth = serializers.IntegerField(help_text="How many ancestors it has.")
    on_parent_close = _choice(
        ParentClosePolicy, allow_null=True, help_text="What becomes of it if its parent ends first."
    )
    epoch = serializers.IntegerField(
        help_text="Rises with each retry; that of a fork begins above its origin's."
    )
    progress = serializers.JSONField(help_text="What the workflow reported.")
    waiting = WaitSerializer(allow_null=True)
    wake_at = _instant("When it goes on by itself.", allow_null=True)
    park_reason = _choice(ParkReason, allow_null=True)
    error = ErrorSerializer(allow_null=True)
    created_at = _instant()
    started_at = _instant(allow_null=True)
    updated_at = _instant()
    finished_at = _instant(allow_null=True)
    expires_at = _instant("It ends FAILED then.", allow_null=True)
    pause_requested_at = _instant(allow_null=True)
    links = serializers.DictField(child=serializers.URLField())


class CancelSerializer(Shape):
    """Who asked for a cancel."""

    requested_at = _instant()
    requested_by = ActorSerializer(allow_null=True)
    reason = serializers.CharField()
    compensate = serializers.BooleanField(help_text="Whether completed steps are undone.")


class WholeExecutionSerializer(ExecutionSerializer):
    """An execution, who cancelled it, and what you may do to it."""

    cancel = CancelSerializer(allow_null=True)
    actions = serializers.ListField(child=_choice(Action))


class GroupRecordSerializer(Shape):
    """How a group of branches ended."""

    decided_by = serializers.CharField(help_text="The branch that decided it, where one did.")
    timed_out = serializers.BooleanField()
    branches = serializers.DictField(
        child=_choice(BranchStatus), help_text="How each branch stood then."
    )


class ItemCountSerializer(Shape):
    """How far the items of a map have come, those of all attempts."""

    total = serializers.IntegerField(allow_null=True)
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    undone = serializers.IntegerField()
    open = serializers.IntegerField(help_text="Begun and not ended.")
    are_children = serializers.BooleanField(help_text="Whether they are executions.")


class AttemptSerializer(Shape):
    """One attempt of one durable call."""

    key = serializers.CharField()
    name = serializers.CharField()
    position = serializers.IntegerField()
    kind = _choice(CheckpointKind)
    attempt = serializers.IntegerField()
    epoch = serializers.IntegerField(help_text="The execution's when it was written.")
    status = _choice(CheckpointStatus)
    is_final = serializers.BooleanField(help_text="Whether a failure is the outcome.")
    output = serializers.JSONField()
    error = ErrorSerializer(allow_null=True)
    retry_at = _instant("When the next attempt may begin.", allow_null=True)
    started_at = _instant(allow_null=True)
    completed_at = _instant(allow_null=True)
    branch_position = serializers.IntegerField(
        help_text="The ordinal of the call in its branch; 0 in the body."
    )
    group = GroupRecordSerializer(allow_null=True, help_text="Of a group that is decided.")
    items = ItemCountSerializer(allow_null=True, help_text="Of a map.")
    child_id = serializers.UUIDField(allow_null=True, help_text="The execution that a child is.")


class SignalSerializer(Shape):
    """A named message to one execution."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    position = serializers.IntegerField()
    status = _choice(SignalStatus)
    dedupe_key = serializers.CharField(allow_null=True)
    payload = serializers.JSONField()
    created_at = _instant()
    delivered_at = _instant(allow_null=True)


class AcceptedSignalSerializer(Shape):
    """A signal that was accepted, now or before."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    position = serializers.IntegerField()
    dedupe_key = serializers.CharField(allow_null=True)
    created_at = _instant()
    execution_id = serializers.UUIDField()
    links = serializers.DictField(child=serializers.URLField())


class TimerSerializer(Shape):
    """A durable timer."""

    key = serializers.CharField()
    status = _choice(TimerStatus)
    fire_at = _instant()


class HistoryEntrySerializer(Shape):
    """Something that happened, once."""

    at = _instant()
    type = _choice(HistoryType)
    key = serializers.CharField(help_text="Of the call, or of the signal's name.")
    attempt = serializers.IntegerField(help_text="0 if it is about no attempt.")
    error = serializers.CharField()
    actor = serializers.CharField(help_text="Who did it; empty if it was the engine.")
    actor_kind = serializers.CharField()
    actor_id = serializers.CharField(help_text="Of another execution that did it: its id.")
    reason = serializers.CharField()
    event_id = serializers.IntegerField(allow_null=True)
    signal_id = serializers.UUIDField(allow_null=True)
    child_id = serializers.UUIDField(allow_null=True, help_text="The child that it is about.")
    due_at = _instant("When a timer or the next attempt is due.", allow_null=True)
    is_approximate = serializers.BooleanField(help_text="Whether `at` is only known to be near.")
    details = serializers.DictField()


def _page_of(item: type[Shape], name: str) -> type[Shape]:
    return type(
        name,
        (serializers.Serializer,),
        {
            "__doc__": "A page.",
            "results": item(many=True),
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
        },
    )


ExecutionPageSerializer = _page_of(ExecutionSerializer, "ExecutionPageSerializer")
AttemptPageSerializer = _page_of(AttemptSerializer, "AttemptPageSerializer")
SignalPageSerializer = _page_of(SignalSerializer, "SignalPageSerializer")
HistoryPageSerializer = _page_of(HistoryEntrySerializer, "HistoryPageSerializer")
TimerPageSerializer = _page_of(TimerSerializer, "TimerPageSerializer")


class ExecutionDetailSerializer(WholeExecutionSerializer):
    """An execution with its payloads, and with what `?include=` names: the first page of each."""

    input = serializers.JSONField()
    output = serializers.JSONField()
    steps = AttemptPageSerializer(required=False)
    signals = SignalPageSerializer(required=False)
    timers = TimerPageSerializer(required=False)
    children = ExecutionPageSerializer(required=False)


class ResultSerializer(Shape):
    """How an execution ended, or that it has not."""

    status = _choice(ExecutionStatus)
    result = serializers.JSONField(help_text="Null until it has completed.")


class ForkPlanSerializer(Shape):
    """What a fork would reuse and do again."""

    execution_id = serializers.UUIDField()
    workflow = serializers.CharField()
    from_version = serializers.IntegerField()
    version = serializers.IntegerField()
    from_step = serializers.CharField(allow_null=True)
    reused = serializers.ListField(child=serializers.CharField())
    again = serializers.ListField(child=serializers.CharField())
    group = serializers.CharField(
        help_text="The group that is made again as a whole, because from_step stands in it."
    )


class BroadcastSerializer(Shape):
    """A broadcast that was accepted."""

    name = serializers.CharField()
    key = serializers.CharField()
    reached = serializers.IntegerField(help_text="How many executions waited for it.")
