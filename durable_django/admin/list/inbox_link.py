"""The links above the list, and of them the one to the inbox, which says how much is in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import AdminSite
from django.urls import NoReverseMatch, reverse
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from durable_django.control.figures.bounded import count_capped
from durable_django.control.human_tasks.inbox import MAX_COUNTED, Inbox, Tab
from durable_django.control.permissions import Permission, allows


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A link to another page."""

    url: str
    label: str | Promise


def find_inbox(site: AdminSite, user: Any) -> Iterator[Tool]:
    """Yield the link to the inbox, if the site and the user have one; by two queries at most.

    Whoever completes tasks reads how many are theirs or may be claimed by them.
    """
    completes = allows(user, Permission.COMPLETE_TASKS)
    if not (completes or allows(user, Permission.VIEW_TASKS)):
        return
    try:
        url = reverse("admin:durable_django_humantask_changelist", current_app=site.name)
    except NoReverseMatch:  # a site that does not show tasks
        return
    label = _("Task inbox")
    yield Tool(url=url, label=f"{label} ({_say_waiting(user)})" if completes else label)


def _say_waiting(user: Any) -> str:
    inbox = Inbox(user)
    parts = {tab: inbox.list(tab) for tab in (Tab.MINE, Tab.GROUPS)}
    count = sum(count_capped(parts, MAX_COUNTED + 1).values())
    told = number_format(min(count, MAX_COUNTED), force_grouping=True)
    return f"{told}+" if count > MAX_COUNTED else told
