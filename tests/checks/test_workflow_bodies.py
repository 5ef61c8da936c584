from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest

from durable_django.checks.workflow_bodies import check_workflow_bodies, lint_workflow
from durable_django.domain.definition import WorkflowDefinition
from durable_django.engine.registry import default_registry
from tests.checks import traps

#: A function that has no source, as in the interactive shell.
SOURCELESS = FunctionType(compile("None", "<shell>", "eval"), {})


def remarks_on(body: Callable[..., Any]) -> list[str]:
    definition = WorkflowDefinition(name="shop.order", version=1, body=body)
    return [str(message.msg) for message in lint_workflow(definition)]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (traps.asks_datetime, "reads the clock"),
        (traps.asks_datetime_through_alias, "reads the clock"),
        (traps.asks_date, "reads the clock"),
        (traps.asks_django_for_now, "reads the clock"),
        (traps.asks_time, "reads the clock"),
        (traps.asks_monotonic, "reads the clock"),
        (traps.imports_inside, "reads the clock"),
        (traps.hands_the_clock_to_a_step, "reads the clock"),
        (traps.sleeps, "sleeps in the worker"),
        (traps.sleeps_asynchronously, "sleeps in the worker"),
        (traps.draws, "draws a random value"),
        (traps.draws_by_name, "draws a random value"),
        (traps.draws_a_secret, "draws a random value"),
        (traps.makes_an_id, "makes an id"),
        (traps.makes_an_id_by_module, "makes an id"),
        (traps.reads_environ, "reads the process's environment"),
        (traps.reads_environ_by_name, "reads the process's environment"),
        (traps.calls_getenv, "reads the process's environment"),
        (traps.queries, "queries the database"),
        (traps.opens_a_file, "reaches outside"),
        (traps.runs_a_program, "reaches outside"),
        (traps.sends_mail, "reaches outside"),
        (traps.starts_a_thread, "starts a thread"),
        (traps.goes_over_a_set, "goes over a set"),
        (traps.goes_over_a_set_of_arguments, "goes over a set"),
        (traps.swallows_everything, "swallows the suspension"),
        (traps.swallows_base_exceptions, "swallows the suspension"),
        (traps.waits_in_finally, "stands in `finally`"),
        (traps.returns_from_finally, "`return` in `finally`"),
        (traps.steps_in_a_transaction, "inside transaction.atomic()"),
        (traps.hands_the_context_on_in_a_transaction, "inside transaction.atomic()"),
        (traps.steps_in_an_action, "inside an action"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_trap_is_reported_once(body: Callable[..., Any], words: str):
    [remark] = remarks_on(body)

    assert words in remark


@pytest.mark.parametrize(
    "body",
    [
        traps.does_it_right,
        traps.acts_inside_actions,
        traps.raises_again,
        traps.swallows_where_nothing_is_durable,
        traps.cleans_up_plainly,
        traps.has_a_variable_called_random,
        traps.calls_what_nobody_knows,
        traps.says_so,
    ],
    ids=lambda body: body.__name__,
)
def test_good_body_is_passed_over(body: Callable[..., Any]):
    assert remarks_on(body) == []


def test_only_the_silenced_line_is_silent():
    [remark] = remarks_on(traps.is_silent_about_one_line_only)

    first = traps.is_silent_about_one_line_only.__code__.co_firstlineno
    assert f"line {first + 2}:" in remark


def test_message_says_where_and_what_to_do():
    definition = WorkflowDefinition(name="shop.order", version=1, body=traps.sleeps)

    [message] = lint_workflow(definition)

    line = traps.sleeps.__code__.co_firstlineno + 1
    assert message.id == "durable_django.W022"
    assert message.obj == f"{traps.__file__}:{line}"
    assert "ctx.sleep(" in (message.hint or "")
    assert "# durable: ok" in (message.hint or "")


def test_wrapped_body_is_read_as_it_was_written():
    @functools.wraps(traps.sleeps)
    def wrapper(ctx: Any) -> Any:
        return traps.sleeps(ctx)

    assert len(remarks_on(wrapper)) == 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(SOURCELESS, id="no source"),
        pytest.param(functools.partial(traps.sleeps), id="no function"),
    ],
)
def test_body_without_source_is_passed_over(body: Callable[..., Any]):
    assert remarks_on(body) == []


def test_all_registered_workflows_are_read():
    default_registry.register(WorkflowDefinition(name="checks.trap", version=1, body=traps.sleeps))
    try:
        messages = [str(message.msg) for message in check_workflow_bodies()]
    finally:
        default_registry.forget("checks.trap")

    assert [text for text in messages if "'checks.trap'" in text]
