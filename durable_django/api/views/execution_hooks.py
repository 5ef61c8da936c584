"""The signed links of one execution: make one, look at what became of them, revoke one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from durable_django.api.bodies import StrictIntegerField
from durable_django.api.finding import load_visible
from durable_django.api.http.describing import describe
from durable_django.api.http.links import link_to
from durable_django.api.http.paging import NEWEST_FIRST, PAGE_PARAMETERS, read_page
from durable_django.api.http.problems import HOOK_NOT_FOUND, HOOK_USED, ProblemError
from durable_django.api.http.strict import StrictSerializer, WordField, read_body_as
from durable_django.api.http.viewset import DurableView
from durable_django.api.representing import instant
from durable_django.control.acting import actor_of
from durable_django.control.hooks import (
    LONGEST_LIFE,
    HookNotFoundError,
    list_hooks,
    load_hook,
    mint_hook,
    revoke_hook,
    state_of,
)
from durable_django.domain.identifiers import check_name
from durable_django.models import SignalHook
from durable_django.runtime import engine

_LONGEST_SECONDS = int(LONGEST_LIFE.total_seconds())


class NewHookSerializer(StrictSerializer):
    """What signal a link sends, and how long it is good for."""

    signal = WordField(check_name, "signal", max_length=200)
    expires_in_seconds = StrictIntegerField(min_value=1, max_value=_LONGEST_SECONDS)


class MintedHookSerializer(serializers.Serializer[Any]):
    """A link that was just made: its token and address are told this once."""

    id = serializers.UUIDField()
    signal = serializers.CharField()
    token = serializers.CharField()
    url = serializers.URLField()
    expires_at = serializers.DateTimeField()


class HookSerializer(serializers.Serializer[Any]):
    """A link, and what became of it."""

    id = serializers.UUIDField()
    signal = serializers.CharField()
    state = serializers.ChoiceField(choices=["open", "used", "revoked", "expired"])
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    used_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class HookPageSerializer(serializers.Serializer[Any]):
    """The links of an execution, newest first."""

    results = HookSerializer(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class ExecutionHooksView(DurableView):
    """The links of one execution."""

    query_parameters: ClassVar = PAGE_PARAMETERS

    @describe(
        operation_id="executions_hooks_list",
        summary="The links of the execution, newest first, without their tokens.",
        tag="hooks",
        answers={200: HookPageSerializer},
        problems=(400, 404),
    )
    def get(self, request: Request, execution_id: str) -> Response:
        """Return them."""
        execution = load_visible(request, execution_id)
        page = read_page(list_hooks(execution.pk), NEWEST_FIRST, **self.query)
        now = engine().store.now()
        return Response(page.to_json(request, [_represent(hook, now) for hook in page.rows]))

    @describe(
        operation_id="executions_hooks_create",
        summary="Make a link that sends the execution one signal, once.",
        tag="hooks",
        body=NewHookSerializer,
        answers={201: MintedHookSerializer},
        problems=(400, 404, 409),
    )
    def post(self, request: Request, execution_id: str) -> Response:
        """Make it; the answer is the only place where its token is ever told."""
        execution = load_visible(request, execution_id)
        body = read_body_as(NewHookSerializer, request)
        hook = mint_hook(
            execution.pk,
            body["signal"],
            expires_in=timedelta(seconds=body["expires_in_seconds"]),
            by=actor_of(request.user),
        )
        minted = {
            "id": str(hook.id),
            "signal": body["signal"],
            "token": hook.token,
            "url": link_to(request, "hook", token=hook.token),
            "expires_at": instant(hook.expires_at),
        }
        return Response(minted, status=201, headers={"Cache-Control": "no-store"})


class ExecutionHookView(DurableView):
    """One link of an execution."""

    @describe(
        operation_id="executions_hooks_revoke",
        summary="Have a link never be used from now on.",
        tag="hooks",
        answers={204: None},
        problems=(404, 409),
    )
    def delete(self, request: Request, execution_id: str, hook_id: str) -> Response:
        """Revoke it; one that was revoked or has expired stays as it is."""
        execution = load_visible(request, execution_id)
        try:
            hook = load_hook(UUID(hook_id))
        except (HookNotFoundError, ValueError):
            hook = None
        if hook is None or hook.execution_id != execution.pk:
            raise ProblemError(HOOK_NOT_FOUND, _("The execution has no such link."))
        is_first = revoke_hook(hook.pk, by=actor_of(request.user))
        if not is_first and load_hook(hook.pk).used_at is not None:
            raise ProblemError(HOOK_USED, _("The link was used; its signal was sent."))
        return Response(status=204)


def _represent(hook: SignalHook, now: datetime) -> dict[str, Any]:
    return {
        "id": str(hook.pk),
        "signal": hook.signal_name,
        "state": state_of(hook, now),
        "created_at": instant(hook.created_at),
        "expires_at": instant(hook.expires_at),
        "used_at": instant(hook.used_at),
        "revoked_at": instant(hook.revoked_at),
    }
