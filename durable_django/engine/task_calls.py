"""The durable call that asks a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar, overload

from durable_django.domain.identifiers import check_name
from durable_django.domain.task import Escalate, TaskAnswer
from durable_django.engine.signal_manager import NO_DEFAULT
from durable_django.engine.slice_state import SliceState
from durable_django.engine.task_manager import TaskManager
from durable_django.engine.task_options import read_options

T = TypeVar("T")


class TaskCalls:
    """The part of a context that asks people."""

    _state: SliceState

    @overload
    def ask(
        self,
        name: str,
        form: Any,
        *,
        title: str = ...,
        description: str = ...,
        display: Mapping[str, Any] | None = ...,
        assignees: Any = ...,
        candidates: Any = ...,
        not_by: Any = ...,
        due: timedelta | None = ...,
        priority: int = ...,
        remind: timedelta | None = ...,
        escalate: Escalate | None = ...,
        timeout: timedelta | None = ...,
    ) -> TaskAnswer: ...

    @overload
    def ask(
        self,
        name: str,
        form: Any,
        *,
        title: str = ...,
        description: str = ...,
        display: Mapping[str, Any] | None = ...,
        assignees: Any = ...,
        candidates: Any = ...,
        not_by: Any = ...,
        due: timedelta | None = ...,
        priority: int = ...,
        remind: timedelta | None = ...,
        escalate: Escalate | None = ...,
        timeout: timedelta | None = ...,
        default: T,
    ) -> TaskAnswer | T: ...

    def ask(  # noqa: PLR0913 -- an author names what it needs
        self,
        name: str,
        form: Any,
        *,
        title: str = "",
        description: str = "",
        display: Mapping[str, Any] | None = None,
        assignees: Any = None,
        candidates: Any = None,
        not_by: Any = (),
        due: timedelta | None = None,
        priority: int = 0,
        remind: timedelta | None = None,
        escalate: Escalate | None = None,
        timeout: timedelta | None = None,
        default: Any = NO_DEFAULT,
    ) -> Any:
        """Return the answer of a person, waiting for it if need be, over restarts and deploys.

        The task is in the inbox of those it is for, in the same transaction in which the
        execution begins to wait; completing it lets the execution go on in the same transaction.
        What is asked, and of whom, is fixed when the call is first reached, and not read again.

        Users and groups are given by name (`"alice"`, `"group:finance"`) or as objects; one or
        several. Who is in `not_by` is passed over everywhere.

        Args:
            name: Names the task for people and for replay; a second `approve` is `approve#2`.
            form: A Django form class that other processes can import; or one field (`Approval()`,
                `Choice(…)`, `MultiChoice(…)`, `Text()`), or several by their names. `{}` asks for
                nothing but that it be done.
            title: What people read in the inbox; at most 255 characters. It is stored as it is,
                as are the description and what people say beside an answer.
            description: What else they should know.
            display: Names and values that are shown beside the form; a payload, as the answer is:
                encrypted, if payloads are.
            assignees: One user has the task from the start; of several, each may claim it.
            candidates: Who else may claim it. With neither, everybody who may complete tasks;
                empty ones are refused.
            not_by: Users who may not complete it: who asked for it, or gave an earlier answer.
            due: When it should be done; past that it is overdue, and nothing else happens.
            priority: From 0 to 1000; the higher, the further up.
            remind: How often to tell the observers that it is still open; one second at least.
            escalate: Whom to offer it to as well, after how long; who has it by then and has not
                completed it is one of the candidates from then on.
            timeout: How long to wait; None is for ever.
            default: What to return when the time is up, instead of raising.

        Raises:
            TaskTimeoutError: Nobody completed it in time.
            TaskCancelledError: A person cancelled it.
            DefinitionError: An option is not legal.
            PayloadError: A value of `display` is not JSON-storable.
            DurableCallError: The call stands where none may be.
        """
        check_name("task", name)
        read = partial(
            read_options,
            name,
            form,
            title=title,
            description=description,
            display=display,
            assignees=assignees,
            candidates=candidates,
            not_by=not_by,
            due=due,
            priority=priority,
            remind=remind,
            escalate=escalate,
            timeout=timeout,
        )
        with self._state.durable_call(f"Task {name!r}"):
            return TaskManager(self._state).ask(name, read, default)
