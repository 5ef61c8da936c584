"""Parents and children, as far as somebody may see them; whatever the rows say."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import AnonymousUser

from durable_django.control.family import (
    MAX_ANCESTORS,
    find_visible_executions,
    list_ancestors,
    sum_up_children,
    visible_children,
)
from durable_django.domain.execution import Execution
from durable_django.models import WorkflowExecution
from tests.api.doors import durable_settings
from tests.control.past_executions import insert

pytestmark = pytest.mark.django_db
USER = AnonymousUser()


def insert_child(parent: WorkflowExecution, key: str = "pay", **fields: Any) -> WorkflowExecution:
    known = {"parent_id": parent.pk, "parent_key": key, "depth": parent.depth + 1}
    return insert(**(known | fields))


def only_orders(user: Any, rows: Any) -> Any:
    """Be a `DURABLE["SCOPE"]`."""
    return rows.filter(workflow_name="shop.order")


def test_children_are_found_by_the_call_that_started_them():
    parent = insert()
    for key in ("load", "load/1", "load/2", "LOAD/1", "loader", "load#2/1"):
        insert_child(parent, key)
    insert_child(insert(), "load")

    def keys(call: str) -> set[str]:
        return {one.parent_key for one in visible_children(USER, parent.pk, call=call)}

    assert len(keys("")) == 6
    assert keys("load") == {"load", "load/1", "load/2"}
    assert keys("LOAD") == {"LOAD/1"}
    assert keys("%") == set()


def test_values_have_everything_but_payloads():
    row = insert(input='{"secret": 1}', output='"x"', tags=["eu"], took=None)

    [value] = find_visible_executions(USER, [row.pk]).values()

    assert isinstance(value, Execution)
    assert (value.id, value.tags, value.input, value.output) == (row.pk, ("eu",), "null", None)


def test_nobody_is_asked_for_without_a_question(django_assert_num_queries: Any):
    with django_assert_num_queries(0):
        assert find_visible_executions(USER, []) == {}


def test_ancestors_end_with_the_parent_and_begin_where_it_is_too_far():
    line = [insert()]
    for _ in range(MAX_ANCESTORS + 3):
        line.append(insert_child(line[-1]))

    found = list_ancestors(USER, line[-1])

    assert [one.id for one in found if isinstance(one, Execution)] == [
        row.pk for row in line[-1 - MAX_ANCESTORS : -1]
    ]


def test_an_ancestor_out_of_sight_is_an_id_and_the_end():
    top = insert()
    hidden = insert_child(top)
    WorkflowExecution.objects.filter(pk=hidden.pk).update(workflow_name="shop.refund")
    bottom = insert_child(insert_child(hidden))

    with durable_settings(SCOPE=f"{__name__}.only_orders"):
        first, second = list_ancestors(USER, bottom)

    assert first == hidden.pk
    assert isinstance(second, Execution)


@pytest.mark.parametrize("parent", [UUID(int=7), "itself"])
def test_rows_written_by_hand_have_an_end_too(parent: Any):
    row = insert()
    row.parent_id = row.pk if parent == "itself" else parent
    row.save()

    found = list_ancestors(USER, row)

    assert len(found) == (MAX_ANCESTORS if parent == "itself" else 1)


def test_a_summary_differs_once_a_child_changes():
    parent = insert()
    child = insert_child(parent)
    before = sum_up_children(USER, parent.pk)

    changes: list[dict[str, Any]] = [
        {"status": "suspended"},
        {"status": "parked", "wake_at": None, "order_at": None},
        {"fence": 9},
    ]
    seen = {before}
    for change in changes:
        WorkflowExecution.objects.filter(pk=child.pk).update(**change)
        seen.add(sum_up_children(USER, parent.pk))

    assert len(seen) == 1 + len(changes)
    assert before.count == 1
