"""A workflow asks, people act, and it goes on: through the same doors as in production."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User

from durable_django import client
from durable_django.control import human_tasks
from durable_django.control.human_tasks.inbox import Inbox, Tab
from durable_django.control.human_tasks.showing import build_page
from durable_django.engine.registry import default_registry
from durable_django.engine.workflow_function import workflow
from durable_django.models import HumanTask
from durable_django.testing.driver import DurableDriver
from tests.control.human_tasks.desk import DO, HOUR, person
from tests.control.human_tasks.sample_forms import RefundForm


@pytest.fixture
def refund() -> Iterator[Any]:
    @workflow(name="desk.refund")
    def refund(ctx: Any, asked_by: str) -> Any:
        answer = ctx.ask(
            "approve",
            RefundForm,
            title="Approve refund",
            display={"order": 77, "amount": "9.90", "claimant": "bob"},
            candidates="group:finance",
            not_by=asked_by,
            due=timedelta(hours=4),
        )
        return [answer["amount"], answer.by, answer.comment]

    yield refund
    default_registry.forget("desk.refund")


@pytest.fixture
def eva(store: Any) -> User:
    return person("eva", DO, groups=["finance"])


def test_the_answer_reaches_the_workflow_with_its_types(
    store: DurableDriver, refund: Any, eva: User
) -> None:
    execution = store.start(refund, "bob")
    [asked] = client.list_tasks(str(execution.id))

    human_tasks.claim(asked.id, user=eva)
    human_tasks.complete(
        asked.id, {"amount": "9.90", "reason": "late"}, user=eva, comment="as agreed"
    )
    store.drain()

    assert store.result(execution.refresh()) == [Decimal("9.90"), "eva", "as agreed"]
    assert Inbox(eva).count()[Tab.DONE] == 1
    assert [(one.name, one.assignee) for one in client.list_tasks(execution.id)] == [
        ("approve", "eva")
    ]


def test_a_link_lets_it_go_on_too(store: DurableDriver, refund: Any, eva: User) -> None:
    execution = store.start(refund, "bob")
    row = HumanTask.objects.get()
    link = human_tasks.mint_link(row.pk, "eva", expires_in=HOUR)

    human_tasks.use_link(link.token, {"amount": 5, "reason": "lost"})
    store.drain()

    assert store.result(execution.refresh()) == [Decimal(5), "eva", ""]


def test_who_asked_is_not_who_approves(store: DurableDriver, refund: Any, eva: User) -> None:
    store.start(refund, "eva")

    [row] = Inbox(eva).list(Tab.ALL)

    assert row.not_by == ["eva"]
    assert not Inbox(eva).list(Tab.GROUPS)
    with pytest.raises(human_tasks.FourEyesError):
        human_tasks.claim(row.pk, user=eva)


def test_what_is_shown_keeps_the_order_that_code_gave_it(
    store: DurableDriver, refund: Any, eva: User
) -> None:
    store.start(refund, "bob")
    [row] = Inbox(eva).list(Tab.GROUPS)

    page = build_page(eva, row.pk)

    assert [label for label, _ in page.display] == ["order", "amount", "claimant"]
