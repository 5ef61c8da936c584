"""Executions that have to do with the one that is shown; found only by columns with an index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from durable_django.admin.page.look import Look
from durable_django.control.figures.bounded import select_from
from durable_django.control.scope import visible_executions
from durable_django.models import WorkflowExecution
from durable_django.stores.orm.rows import to_uuid

#: Of each group; newer ones come first.
MAX_RELATED = 20
_RELATED_FIELDS = (
    "workflow_name",
    "workflow_version",
    "key",
    "status",
    "waiting_kind",
    "created_at",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """An execution that has something in common with the one that is shown."""

    row: WorkflowExecution
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Executions that have the same in common, newest first."""

    title: str
    executions: list[Relative]
    #: Whether there are more.
    is_cut: bool


def list_groups(look: Look) -> list[Group]:
    """Return the groups that have somebody in them, by two statements."""
    found = dict(_list_related(look))
    keys: dict[str, list[UUID]] = {title: [] for title in found}
    for title, (key,) in select_from(found, "id"):
        keys[title].append(to_uuid(key))
    wanted = {key for group in keys.values() for key in group}
    rows = _visible(look).only(*_RELATED_FIELDS).in_bulk(list(wanted)) if wanted else {}
    groups = [_build_group(look, title, group, rows) for title, group in keys.items()]
    return [group for group in groups if group.executions]


def _list_related(look: Look) -> Iterator[tuple[str, QuerySet[WorkflowExecution, Any]]]:
    row = look.row
    # Itself may be among them, and one more says that there are more.
    newest = _visible(look).order_by("-pk").values_list("id")
    limit = MAX_RELATED + 2
    if row.parent_id:
        yield _("Its parent"), newest.filter(pk=row.parent_id)[:limit]
        yield _("With the same parent"), newest.filter(parent_id=row.parent_id)[:limit]
    yield _("Its children"), newest.filter(parent_id=row.pk)[:limit]
    if row.forked_from:
        yield _("Forked from"), newest.filter(pk=row.forked_from)[:limit]
    yield _("Forked from this one"), newest.filter(forked_from=row.pk)[:limit]
    if row.subject:
        yield _("About the same object"), newest.filter(subject=row.subject)[:limit]
    if row.key:
        yield _("With the same key"), newest.filter(key=row.key)[:limit]


def _build_group(
    look: Look, title: str, keys: Iterable[UUID], rows: Mapping[UUID, WorkflowExecution]
) -> Group:
    # Sorted again: a union promises no order. One that was deleted meanwhile is left out.
    newest = sorted((key for key in keys if key in rows and key != look.row.pk), reverse=True)
    return Group(
        title=title,
        executions=[
            Relative(row=rows[key], url=look.links.to_execution(key))
            for key in newest[:MAX_RELATED]
        ],
        is_cut=len(newest) > MAX_RELATED,
    )


def _visible(look: Look) -> QuerySet[WorkflowExecution]:
    return visible_executions(look.request.user)
