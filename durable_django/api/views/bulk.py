"""Acts on many executions at once: ask how many, begin, look how far it is, stop."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from durable_django.api.bodies import ObjectField, ReasonField, StrictBooleanField
from durable_django.api.http.describing import describe
from durable_django.api.http.idempotency import once
from durable_django.api.http.links import link_to
from durable_django.api.http.paging import NEWEST_FIRST, PAGE_PARAMETERS, read_page
from durable_django.api.http.parsing import json_object
from durable_django.api.http.problems import (
    BULK_NOT_FOUND,
    EMPTY_FILTER,
    ProblemError,
    invalid_input,
)
from durable_django.api.http.strict import StrictSerializer, read_body_as
from durable_django.api.http.viewset import DurableView
from durable_django.api.representing import instant
from durable_django.control.actions import Action
from durable_django.control.bulk import (
    BULK_ACTIONS,
    BulkNotAllowedError,
    BulkNotFoundError,
    bulk_targets,
    cancel_bulk,
    count_matching,
    find_bulk,
    find_lacking_permission,
    list_bulk,
    start_bulk,
)
from durable_django.control.finding.criteria import Criteria, CriteriaError
from durable_django.control.payloads.redaction import redact_text
from durable_django.domain.event import ActorKind
from durable_django.domain.status import BulkStatus, ExecutionStatus
from durable_django.models import BulkOperation

#: Counts of a dry run end here and at one: more is "many".
MAX_COUNTED = 10_000
MAX_SAMPLES = 20

_ACTIONS = [action.value for action in BULK_ACTIONS]


class NewBulkSerializer(StrictSerializer):
    """What to do, to which executions, and why."""

    action = serializers.ChoiceField(choices=_ACTIONS)
    filter = ObjectField(
        required=False, default=dict, help_text='Criteria: `{"statuses": ["failed"]}`.'
    )
    all = StrictBooleanField(
        required=False, default=False, help_text="Needed to act on every execution there is."
    )
    arguments = ObjectField(
        required=False, default=dict, help_text="For a signal its `name` and `payload`."
    )
    reason = ReasonField()
    dry_run = StrictBooleanField(
        required=False, default=False, help_text="Only say how many executions match."
    )


class BulkActorSerializer(serializers.Serializer[Any]):
    """Who asked."""

    kind = serializers.ChoiceField(choices=[kind.value for kind in ActorKind])
    id = serializers.CharField(allow_blank=True)
    name = serializers.CharField(allow_blank=True)


class RefusalSerializer(serializers.Serializer[Any]):
    """An execution that was left as it is."""

    id = serializers.UUIDField(allow_null=True, help_text="Null: it is about all the others.")
    detail = serializers.CharField()


class BulkSerializer(serializers.Serializer[Any]):
    """An operation, and how far it is."""

    id = serializers.UUIDField()
    action = serializers.ChoiceField(choices=_ACTIONS)
    filter = serializers.DictField()
    reason = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(choices=[status.value for status in BulkStatus])
    requested_by = BulkActorSerializer()
    total = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    refused = serializers.IntegerField()
    refusals = RefusalSerializer(many=True)
    cancel_requested = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    links = serializers.DictField(child=serializers.URLField())


class BulkPageSerializer(serializers.Serializer[Any]):
    """Operations, newest first."""

    results = BulkSerializer(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class SampleSerializer(serializers.Serializer[Any]):
    """An execution that matches."""

    id = serializers.UUIDField()
    workflow = serializers.CharField()
    key = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=[status.value for status in ExecutionStatus])
    created_at = serializers.DateTimeField()


class DryRunSerializer(serializers.Serializer[Any]):
    """What an operation would go through."""

    count = serializers.IntegerField()
    is_capped = serializers.BooleanField()
    samples = SampleSerializer(many=True)


class BulkListView(DurableView):
    """Operations, and a new one."""

    query_parameters: ClassVar = PAGE_PARAMETERS

    @describe(
        operation_id="bulk_operations_list",
        summary="The bulk operations that you may see, newest first.",
        tag="bulk operations",
        answers={200: BulkPageSerializer},
        problems=(400,),
    )
    def get(self, request: Request) -> Response:
        """Return a page of them."""
        page = read_page(list_bulk(request.user), NEWEST_FIRST, **self.query)
        results = [_represent(request, operation) for operation in page.rows]
        return Response(page.to_json(request, results))

    @describe(
        operation_id="bulk_operations_create",
        summary="Act on every execution that matches, in the background; or say how many there are.",
        tag="bulk operations",
        body=NewBulkSerializer,
        answers={200: DryRunSerializer, 202: BulkSerializer},
        problems=(400, 403, 409, 422),
    )
    @once
    def post(self, request: Request) -> Response:
        """Begin, or count."""
        body = read_body_as(NewBulkSerializer, request)
        action, criteria = Action(body["action"]), _read_criteria(body)
        if body["dry_run"]:
            lacking = find_lacking_permission(request.user, action)
            if lacking is not None:
                raise BulkNotAllowedError(action, lacking)
            return Response(_try_dry(request.user, criteria))
        operation = start_bulk(
            request.user,
            action,
            criteria,
            arguments=body["arguments"],
            reason=body["reason"],
        )
        answer = _represent(request, operation)
        return Response(answer, status=202, headers={"Location": answer["links"]["self"]})


class BulkView(DurableView):
    """One operation."""

    @describe(
        operation_id="bulk_operations_retrieve",
        summary="A bulk operation, and how far it is.",
        tag="bulk operations",
        answers={200: BulkSerializer},
        problems=(404,),
    )
    def get(self, request: Request, operation_id: str) -> Response:
        """Return it."""
        try:
            operation = find_bulk(request.user, _to_id(operation_id))
        except BulkNotFoundError:
            raise _not_found() from None
        return Response(_represent(request, operation))


class BulkCancelView(DurableView):
    """The end of one operation."""

    @describe(
        operation_id="bulk_operations_cancel",
        summary="Stop before the next execution; what was done stays done.",
        tag="bulk operations",
        answers={202: BulkSerializer},
        problems=(400, 403, 404, 409, 411, 413, 415, 422),
    )
    @once
    def post(self, request: Request, operation_id: str) -> Response:
        """Ask for it to stop; one that has ended stays as it is."""
        if json_object(request):
            raise invalid_input("", _("There is nothing to say: the body is empty."))
        try:
            operation = cancel_bulk(request.user, _to_id(operation_id))
        except BulkNotFoundError:
            raise _not_found() from None
        return Response(_represent(request, operation), status=202)


def _read_criteria(body: dict[str, Any]) -> Criteria:
    try:
        criteria = Criteria.from_json(body["filter"])
    except CriteriaError as error:
        raise invalid_input(f"/filter/{error.key}" if error.key else "/filter", error) from None
    is_empty = criteria == Criteria()
    if is_empty and not body["all"]:
        raise ProblemError(
            EMPTY_FILTER, _('It matches every execution. Say "all": true if you mean that.')
        )
    if body["all"] and not is_empty:
        raise invalid_input("/all", _("It goes with an empty filter only."))
    return criteria


def _try_dry(user: Any, criteria: Criteria) -> dict[str, Any]:
    count = count_matching(user, criteria, MAX_COUNTED + 1)
    newest = bulk_targets(user, criteria).order_by("-id")
    columns = ("id", "workflow_name", "key", "status", "created_at")
    return {
        "count": min(count, MAX_COUNTED),
        "is_capped": count > MAX_COUNTED,
        "samples": [
            {
                "id": str(row["id"]),
                "workflow": row["workflow_name"],
                "key": row["key"],
                "status": row["status"],
                "created_at": instant(row["created_at"]),
            }
            for row in newest.values(*columns)[:MAX_SAMPLES]
        ],
    }


def _represent(request: Request, operation: BulkOperation) -> dict[str, Any]:
    return {
        "id": str(operation.pk),
        "action": operation.action,
        "filter": operation.criteria,
        "reason": redact_text(operation.reason),
        "status": operation.status,
        "requested_by": {
            "kind": operation.actor_kind,
            "id": operation.actor_id,
            "name": operation.actor_name,
        },
        "total": operation.total,
        "succeeded": operation.succeeded,
        "refused": operation.refused,
        "refusals": operation.refusals,
        "cancel_requested": operation.cancel_requested,
        "created_at": instant(operation.created_at),
        "finished_at": instant(operation.finished_at),
        "links": {"self": link_to(request, "bulk-operation", operation_id=operation.pk)},
    }


def _to_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise _not_found() from None


def _not_found() -> ProblemError:
    return ProblemError(BULK_NOT_FOUND, _("There is no such operation that you may see."))
