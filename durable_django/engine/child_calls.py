"""`ctx.child` and `ctx.start_child`: what a workflow says of executions it starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Protocol, TypeVar
from uuid import UUID

from durable_django.domain.identifiers import check_name
from durable_django.domain.retry_policy import RetryPolicy
from durable_django.domain.status import ParentClosePolicy
from durable_django.engine.child_manager import ChildManager
from durable_django.engine.child_plans import ChildOptions, close_policy
from durable_django.engine.signal_manager import NO_DEFAULT
from durable_django.engine.slice_state import SliceState

R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")


class Runnable(Protocol[R_co]):
    """A workflow, or a workflow with options: `order`, `order.options(queue="slow")`."""

    def run(self, *args: Any, **kwargs: Any) -> R_co:
        """Run it here; children are not run like this, but it tells the type of the result."""


class ChildCalls:
    """The chapter of the context about children."""

    _state: SliceState

    def child(  # noqa: PLR0913 -- one keyword per option, each with a default
        self,
        name: str,
        workflow: Runnable[R],
        *args: Any,
        kwargs: Mapping[str, Any] | None = None,
        timeout: timedelta | None = None,
        default: Any = NO_DEFAULT,
        on_parent_close: str = ParentClosePolicy.CANCEL,
        compensate: Callable[[R], object] | None = None,
        compensate_retry: RetryPolicy | None = None,
    ) -> R:
        """Start another workflow and return its result.

        The child is an execution of its own, with its own steps, retries and undos, which any
        worker may advance; this one holds no worker meanwhile. It and the wait for it are one
        transaction, and whatever its end, the parent hears of it.

        Args:
            name: Names the call; the child's id is derived from it.
            workflow: A workflow, or one with options (`order.options(queue="slow")`).
            *args: The child's arguments.
            kwargs: More of them, by name.
            timeout: How long to wait, from the start of the child; then it is cancelled.
            default: What to return when the time is up, instead of raising.
            on_parent_close: What becomes of the child if this execution ends first: "cancel" or
                "abandon".
            compensate: Called with the child's result if this workflow fails or is cancelled
                later; a child that failed has undone itself.
            compensate_retry: How often the undo is tried.

        Raises:
            ChildFailedError: It failed.
            ChildCancelledError: It was cancelled.
            ChildTimeoutError: It did not end in time.
            ChildDepthError: There would be too many levels of children.
        """
        check_name("child", name)
        options = ChildOptions(
            kwargs=kwargs or {},
            timeout=timeout,
            default=default,
            on_parent_close=close_policy(on_parent_close),
            compensate=compensate,
            compensate_retry=compensate_retry,
        )
        with self._state.durable_call(f"Child {name!r}"):
            result: R = ChildManager(self._state).child(name, workflow, args, options)
            return result

    def start_child(
        self,
        name: str,
        workflow: Runnable[Any],
        *args: Any,
        kwargs: Mapping[str, Any] | None = None,
        on_parent_close: str = ParentClosePolicy.ABANDON,
    ) -> UUID:
        """Start another workflow, do not wait for it, and return its execution's id.

        It is started exactly once, whatever crashes. By default it goes on when this one ends.
        """
        check_name("child", name)
        options = ChildOptions(kwargs=kwargs or {}, on_parent_close=close_policy(on_parent_close))
        with self._state.durable_call(f"Child {name!r}"):
            return ChildManager(self._state).start(name, workflow, args, options)
