"""What all signed links have in common over HTTP: their holder acts once, without an account.

A GET shows a page and never acts, because mail programs fetch what they find in a mail. Nothing
here logs a token, and Django's own line about a refused request, which holds the path, is kept
from being written. What writes every path, such as a web server's access log, is the project's.
"""

from __future__ import annotations

import logging
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

from django.core.signals import got_request_exception
from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from durable_django.api.http.negotiation import AlwaysJson
from durable_django.api.http.problems import OTHER, ProblemError, handle_problem
from durable_django.api.http.throttles import HOOK, DurableThrottle
from durable_django.api.http.viewset import DurableView
from durable_django.api.views.hook_pages import list_headers, render_outcome, wants_page

logger = logging.getLogger(__name__)

#: The largest body that a link takes.
MAX_HOOK_BYTES = 64 * 1024
JSON_TYPE, FORM_TYPE = "application/json", "application/x-www-form-urlencoded"


class TokenThrottle(DurableThrottle):
    """Counts the requests for one link, from wherever they come."""

    def get_cache_key(self, request: Request, view: Any) -> str:
        """Return the link, as a hash: a cache is no place for a token."""
        token = str(view.kwargs["token"])
        digest = sha256(token.encode(errors="surrogatepass")).hexdigest()
        return f"durable-throttle:{self.scope}:token:{digest}"


class SignedLinkView(DurableView):
    """One signed link. Whoever holds the token may use it, and only its token counts."""

    throttle_scope = HOOK
    content_negotiation_class = AlwaysJson

    def render_refusal(self, status: int) -> HttpResponse:
        """Return the page that tells a browser of a refusal."""
        return render_outcome(status)

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Return none: a session that happens to be open must not matter here."""
        return []

    def get_throttles(self) -> list[BaseThrottle]:
        """Return those that count by address and by link."""
        return [DurableThrottle(), TokenThrottle()]

    def check_permissions(self, request: Request) -> None:
        """Let everybody in; what is neither a look nor a use is answered 405, and not 403."""

    def handle_exception(self, exc: Exception) -> Any:
        """Answer without the token, and with a page if a browser asks."""
        try:
            response = super().handle_exception(exc)
        except Exception as fault:  # noqa: BLE001 -- what Django does with a fault logs the path
            response = self._answer_fault(fault)
        if not wants_page(self.request):
            return response
        page = self.render_refusal(response.status_code)
        for name in ("Retry-After", "Allow"):
            if name in response:
                page[name] = response[name]
        return page

    def _answer_fault(self, fault: Exception) -> Any:
        request: Any = self.request
        got_request_exception.send(sender=type(self), request=request._request)  # noqa: SLF001 -- what Django would send
        logger.error("A signed link failed", exc_info=fault)
        problem = ProblemError(OTHER, _("It could not be done. Try again."))
        return _handle_without_token(problem, self.get_exception_handler_context())

    def get_exception_handler(self) -> Any:
        """Return ours, told a path that ends before the token."""
        return _handle_without_token

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        """Keep what is answered, and the address it was answered at, from spreading."""
        final: Response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in list_headers().items():
            final[name] = value
        # Django logs the path of what it finds refused, unless somebody has.
        final._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 -- its own mark
        return final


def _handle_without_token(error: Exception, context: dict[str, Any]) -> Response | None:
    request, token = context["request"], context["kwargs"]["token"]
    shown = SimpleNamespace(path=request.path.removesuffix("/").removesuffix(token))
    return handle_problem(error, {**context, "request": shown})
