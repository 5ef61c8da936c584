"""Signed links to human tasks, over HTTP: one user answers one task, once, without logging in.

See `signed_links` for what keeps their tokens where they belong.
"""

from __future__ import annotations

from typing import Any, Never

from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.utils.translation import gettext as _
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response

from durable_django.api.http.describing import describe
from durable_django.api.http.parsing import read_body
from durable_django.api.http.problems import MALFORMED, ProblemError, invalid_input
from durable_django.api.http.task_problems import (
    ALREADY_CLAIMED,
    TASK_LINK_GONE,
    TASK_LINK_NOT_FOUND,
    to_problem,
)
from durable_django.api.task_bodies import CompleteBody
from durable_django.api.task_serializers import CompletedSerializer
from durable_django.api.views.hook_pages import PAGE_TYPE, wants_page
from durable_django.api.views.signed_links import (
    FORM_TYPE,
    JSON_TYPE,
    MAX_HOOK_BYTES,
    SignedLinkView,
)
from durable_django.api.views.task_link_pages import (
    COMMENT,
    PREFIX,
    render_outcome,
    render_task,
)
from durable_django.control.human_tasks.acting import MAX_COMMENT_LENGTH
from durable_django.control.human_tasks.errors import LinkGoneError, LinkNotFoundError
from durable_django.control.human_tasks.forms import build_form
from durable_django.control.human_tasks.links import find_link, use_link
from durable_django.control.human_tasks.people import find_user, person_of
from durable_django.control.payloads.outside_json import parse_payload
from durable_django.exceptions import FieldErrors, PayloadError, TaskClaimedError


class TaskLinkUseView(SignedLinkView):
    """One signed link that completes a task."""

    @describe(
        operation_id="task_links_show",
        summary="Show a page with the task's form; never use the link.",
        tag="tasks",
        answers={200: {"type": "string"}},
        problems=(404, 409, 410),
        media_types=(PAGE_TYPE,),
    )
    def get(self, request: Request, token: str) -> HttpResponseBase:
        """Return the page."""
        return _render(request, token)

    @describe(
        operation_id="task_links_use",
        summary="Complete the task as the link's user, and use the link up.",
        tag="tasks",
        body=CompleteBody,
        answers={200: CompletedSerializer},
        problems=(404, 409, 410),
        media_types=(JSON_TYPE, PAGE_TYPE),
    )
    def post(self, request: Request, token: str) -> HttpResponseBase:
        """Complete it."""
        # What can be refused without a look at the token says nothing about the token.
        data, comment = _read_answer(request)
        prefix = PREFIX if isinstance(data, QueryDict) else None
        try:
            use_link(token, data, comment=comment, prefix=prefix)
        except FieldErrors:
            if not (wants_page(request) and isinstance(data, QueryDict)):
                raise
            return _render(request, token, data, comment)
        if wants_page(request):
            return render_outcome(200)
        return Response({"status": "completed"})

    def render_refusal(self, status: int) -> HttpResponse:
        """Return the page that tells a browser of a refusal."""
        return render_outcome(status)

    def handle_exception(self, exc: Exception) -> Any:
        """Answer what goes wrong with tasks as the problem that it is."""
        try:
            _refuse(exc)
        except ProblemError as problem:
            return super().handle_exception(problem)
        except Exception as error:  # noqa: BLE001 -- passed on
            return super().handle_exception(error)


def _refuse(error: Exception) -> Never:
    if isinstance(error, LinkNotFoundError):
        raise ProblemError(TASK_LINK_NOT_FOUND, _("There is no such link."))
    if isinstance(error, LinkGoneError):
        detail = _("It was used, has expired or was revoked, or the task is done.")
        raise ProblemError(TASK_LINK_GONE, detail)
    if isinstance(error, TaskClaimedError):
        # Not who: a link goes through more hands than a login.
        raise ProblemError(ALREADY_CLAIMED, _("Somebody else has the task. Nothing was changed."))
    raise to_problem(error)


def _render(
    request: Request, token: str, data: QueryDict | None = None, comment: str = ""
) -> HttpResponse:
    """Return the page; with `data`, which are not valid, saying what is wrong with them."""
    link, task = find_link(token)
    return render_task(
        link,
        task,
        person_of(find_user(link.user)),
        build_form(task, data, prefix=PREFIX),
        request.path,
        comment=comment,
        status=200 if data is None else 400,
    )


def _read_answer(request: Request) -> tuple[Any, str]:
    """Return the data and the comment of a body.

    Raises:
        ProblemError: It is too large, not UTF-8, or no JSON that can be taken.
        UnsupportedMediaType: It is neither JSON nor the page's form.
    """
    raw: Any = request._request  # noqa: SLF001 -- its stream, before anybody reads it
    text = read_body(raw, MAX_HOOK_BYTES)
    if raw.content_type == FORM_TYPE:
        data = QueryDict(text)
        return data, str(data.get(COMMENT) or "").replace("\0", "")[:MAX_COMMENT_LENGTH]
    if text and raw.content_type != JSON_TYPE:
        raise UnsupportedMediaType(raw.content_type[:100])
    try:
        given = parse_payload(text, "The body") if text else {}
    except PayloadError as error:
        raise ProblemError(MALFORMED, error) from None
    if not isinstance(given, dict):
        raise invalid_input("", _("The body is a JSON object."))
    body = CompleteBody(data=given)
    body.is_valid(raise_exception=True)
    return body.validated_data["data"], body.validated_data["comment"]
