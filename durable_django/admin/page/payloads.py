"""How a stored payload is shown on the page of its execution."""

from __future__ import annotations

from dataclasses import dataclass

from durable_django.control.payloads.payload_view import PayloadView, view_arguments, view_payload


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPayload:
    """A payload, ready to be shown."""

    #: None: it is longer than `limit`, and not shown here.
    view: PayloadView | None
    #: Characters.
    limit: int
    #: Leads to all of it; empty if that is not worth it.
    download_url: str


def show_payload(text: str, download_url: str, *, limit: int) -> ShownPayload:
    """Return a payload that was read up to `limit` characters and one, for who may see it."""
    view = None if len(text) > limit else view_payload(text, may_see=True)
    return ShownPayload(view=view, limit=limit, download_url=download_url)


def show_arguments(text: str, action: str, download_url: str, *, limit: int) -> ShownPayload:
    """Return a step's arguments as `show_payload` does, by name, so that secrets are known."""
    view = None if len(text) > limit else view_arguments(text, action, may_see=True)
    return ShownPayload(view=view, limit=limit, download_url=download_url)
