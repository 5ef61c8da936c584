"""What all our views have in common, so that no setting of the project opens or changes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, ClassVar, cast

from django.db import DataError
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from durable_django.api.http.parsing import StrictJsonParser, check_length
from durable_django.api.http.permissions import DurablePermission
from durable_django.api.http.problems import handle_problem
from durable_django.api.http.query import QueryParameter, read_query
from durable_django.api.http.throttles import DurableThrottle

_WITH_BODY = frozenset({"POST", "PATCH"})


class HeaderNegotiation(DefaultContentNegotiation):
    """Chooses by the Accept header alone: `?format=` is a parameter like any other."""

    settings = cast("Any", SimpleNamespace(URL_FORMAT_OVERRIDE=None))


class DurableView(APIView):
    """A view that is closed by default, speaks JSON, and answers errors as problem+json.

    Only who somebody is, is the project's to say (`DEFAULT_AUTHENTICATION_CLASSES`).
    """

    renderer_classes = (JSONRenderer,)
    parser_classes = (StrictJsonParser,)
    permission_classes = (DurablePermission,)
    throttle_classes = (DurableThrottle,)
    content_negotiation_class = HeaderNegotiation
    metadata_class = None
    #: Our own document describes them (`openapi`); the project's would, by its own settings.
    schema = None
    versioning_class = None
    http_method_names = ["get", "post", "patch", "delete", "head"]  # noqa: RUF012 -- as Django declares it

    #: By method in capitals; given by the URL table.
    rules: Mapping[str, Any] = {}
    #: What may stand behind the `?` of a GET; nothing may behind that of a POST.
    query_parameters: ClassVar[Sequence[QueryParameter]] = ()
    #: Counts against this limit, instead of that for reading or writing.
    throttle_scope = ""

    #: The values of `query_parameters`, once the request has been let in.
    query: dict[str, Any]

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Return what the project's settings name now."""
        classes = cast(
            "list[type[BaseAuthentication]]", api_settings.DEFAULT_AUTHENTICATION_CLASSES
        )
        return [authenticate() for authenticate in classes]

    def perform_authentication(self, request: Request) -> None:
        """See who it is; a name that no database can look for, such as one with NUL, is nobody's.

        Raises:
            AuthenticationFailed: What they say of themselves is not true.
        """
        try:
            super().perform_authentication(request)
        except DataError:
            raise AuthenticationFailed from None

    def get_exception_handler(self) -> Callable[..., Any]:
        """Return ours, and leave the project's alone."""
        return handle_problem

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let the request in, or raise why not; then read its query."""
        super().initial(request, *args, **kwargs)
        if request.method in _WITH_BODY:
            check_length(request._request)  # noqa: SLF001 -- its headers and stream, unread
        self.query = self.read_query(request)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Say of every answer that it is for this user, and what it says it is."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer.headers.setdefault("X-Content-Type-Options", "nosniff")
        answer.headers.setdefault("Cache-Control", "private, no-cache")
        return answer

    def read_query(self, request: Request) -> dict[str, Any]:
        """Return the values of the query parameters.

        Raises:
            ProblemError: One is unknown or has no legal value.
        """
        is_reading = request.method in ("GET", "HEAD")
        return read_query(request.query_params, self.query_parameters if is_reading else ())
