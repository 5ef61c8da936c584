"""What pages of an admin site that are no ModelAdmin's own views have in common."""

from __future__ import annotations

from typing import Any, Protocol

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import reverse

from durable_django.models import WorkflowExecution


class HasSite(Protocol):
    """The ModelAdmin whose pages these are."""

    admin_site: AdminSite


def page_context(owner: HasSite, request: HttpRequest, title: str) -> dict[str, Any]:
    """Return what every template of the site is given, and note which site it is."""
    request.current_app = owner.admin_site.name
    return {
        **owner.admin_site.each_context(request),
        "opts": WorkflowExecution._meta,  # noqa: SLF001 -- Django documents it
        "title": title,
    }


def page_url(owner: HasSite, name: str, *args: object) -> str:
    """Return the address of a page of the site."""
    return reverse(f"admin:{name}", args=args, current_app=owner.admin_site.name)
