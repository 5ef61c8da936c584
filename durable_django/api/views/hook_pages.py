"""What a person sees who opens a signed link in a browser: two pages that fetch nothing.

Their few lines of style stand in them, and the policy that goes with them knows these by their
digest. Under a stricter policy of the project they are plain, and work.

They say no more than the link's holder knows: not which execution, not whose.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import Any

from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from durable_django.models import SignalHook

PAGE_TYPE = "text/html"
#: Whoever caches, indexes, frames or is referred to learns nothing.
_PRIVACY_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
}
_POLICY = (
    "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "style-src 'sha256-{digest}'"
)

#: What is told by status: a heading and a sentence.
_OUTCOMES = {
    202: (_("Thank you"), _("Your answer was received. You can close this page.")),
    404: (_("This link is not known"), _("Is the address complete? Ask for a new link if so.")),
    410: (
        _("This link cannot be used any more"),
        _("It was used before, has expired or was withdrawn. Nothing was sent now."),
    ),
    429: (_("Too many requests"), _("Wait a minute and try again. Nothing was sent.")),
    503: (_("Not now"), _("Something is busy. Try again in a moment. Nothing was sent.")),
}
_REFUSED = (_("This did not work"), _("What was sent cannot be taken. Nothing was sent on."))


def list_headers() -> dict[str, str]:
    """Return the headers of every answer about a link."""
    digest = sha256(_render("link_page.css", {}).encode()).digest()
    policy = _POLICY.format(digest=b64encode(digest).decode())
    return {**_PRIVACY_HEADERS, "Content-Security-Policy": policy}


def wants_page(request: Request) -> bool:
    """Say whether whoever asks is a browser: one that names HTML, not one that takes anything."""
    return PAGE_TYPE in str(request.META.get("HTTP_ACCEPT", "")).lower()


def render_confirmation(hook: SignalHook, payload: str, action: str) -> HttpResponse:
    """Return the page with the button that sends the signal.

    `payload` is the JSON text that goes with it, or empty; `action` is where it is sent.
    """
    context = {
        "signal_name": hook.signal_name,
        "expires_at": hook.expires_at,
        "payload": payload,
        "action": action,
    }
    return HttpResponse(_render("hook.html", context))


def render_outcome(status: int) -> HttpResponse:
    """Return the page that says what became of it; of one status always the same."""
    title, sentence = _OUTCOMES.get(status, _REFUSED)
    return HttpResponse(
        _render("hook_done.html", {"title": title, "sentence": sentence}), status=status
    )


def _render(name: str, context: dict[str, Any]) -> str:
    # Without the request: what the project adds to every page has no business on these.
    return render_to_string(f"durable_django/{name}", context)
