from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.template import Context, Template
from django.test.utils import CaptureQueriesContext

from durable_django.domain.status import ExecutionStatus
from durable_django.engine.registry import default_registry
from durable_django.engine.workflow_function import workflow
from durable_django.exceptions import ExecutionNotFoundError
from durable_django.models import WorkflowExecution
from durable_django.testing.driver import DurableDriver

NAME = "timeline.tag"


@pytest.fixture
def story() -> Iterator[Any]:
    @workflow(name=NAME)
    def story(ctx, steps):
        for _ in range(steps):
            ctx.step("charge", lambda: "paid")
        ctx.step("ship", _fail)

    yield story
    default_registry.forget(NAME, 1)


@pytest.fixture
def execution(durable: DurableDriver, story: Any) -> Any:
    return durable.start(story, 2)


def _fail():
    raise OSError("cannot log in with password=hunter2")


def show(execution: Any, arguments: str = "") -> str:
    template = f"{{% load durable_timeline %}}{{% durable_timeline execution {arguments} %}}"
    return Template(template).render(Context({"execution": execution}))


def test_an_execution_is_shown_however_it_is_named(execution):
    row = WorkflowExecution.objects.get(pk=execution.id)

    shown = {show(one) for one in (row, execution, execution.id, str(execution.id))}

    assert len(shown) == 1
    assert "charge#2" in shown.pop()


def test_messages_of_errors_are_redacted(execution):
    html = show(execution)

    assert execution.status is ExecutionStatus.FAILED
    assert "cannot log in" in html
    assert "hunter2" not in html


def test_it_asks_the_database_a_fixed_number_of_times(execution, durable, story):
    with CaptureQueriesContext(connection) as few:
        show(execution)
    with_many = durable.start(story, 200)

    with CaptureQueriesContext(connection) as many:
        show(with_many)

    assert len(many) == len(few) <= 5


def test_the_stylesheet_is_linked_unless_the_page_does_it(execution):
    assert "timeline.css" in show(execution)
    assert "timeline.css" not in show(execution, "stylesheet=False")


def test_an_execution_that_is_not_there_is_an_error(durable):
    with pytest.raises(ExecutionNotFoundError):
        show(UUID(int=0))


def test_drawing_keeps_its_links_for_screen_readers(execution: Any):
    html = show(execution)

    [role] = re.findall(r'<svg class="dw-timeline-drawing" role="(\w+)"', html)
    # What is inside an `img` is no link to them.
    assert role == "group"
    assert 'class="dw-link"' in html
