"""`with ctx.parallel("prepare") as p:`: branches that are declared first and run at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from durable_django.domain.identifiers import check_name
from durable_django.domain.retry_policy import RetryPolicy
from durable_django.domain.status import ParentClosePolicy
from durable_django.engine.awaitables import Awaitable, as_awaitable
from durable_django.engine.branches import Branch, BranchStatus, Outcome
from durable_django.engine.child_calls import Runnable
from durable_django.engine.child_manager import ChildManager
from durable_django.engine.child_plans import ChildOptions, close_policy
from durable_django.engine.group_manager import GroupManager, GroupOptions, GroupResult
from durable_django.engine.retry_executor import RetryExecutor
from durable_django.engine.slice_state import SliceState
from durable_django.engine.step_executor import NO_FALLBACK, StepExecutor, StepOptions
from durable_django.engine.task_calls import TaskCalls
from durable_django.exceptions import BranchDroppedError, DefinitionError, DurableCallError

T = TypeVar("T")


class Pending(Generic[T]):
    """The result of a branch, to be read after the block."""

    def __init__(self, group: str, name: str) -> None:
        self._group = group
        self._name = name
        self._outcome: Outcome | None = None

    @property
    def result(self) -> T:
        """What the branch returned.

        Raises:
            Exception: What the branch failed with.
            BranchDroppedError: The group was decided without it.
            DurableCallError: The block has not ended yet.
        """
        outcome = self._read()
        if outcome.status is BranchStatus.DONE:
            value: T = outcome.value
            return value
        if outcome.error is not None:
            raise outcome.error
        raise BranchDroppedError(self._group, self._name)

    @property
    def error(self) -> Exception | None:
        """What the branch failed with, or None."""
        return self._read().error

    @property
    def is_done(self) -> bool:
        """Whether the branch has a result."""
        return self._read().status is BranchStatus.DONE

    def _read(self) -> Outcome:
        if self._outcome is None:
            raise DurableCallError(
                f"The result of {self._group}/{self._name} is there when the block has ended: "
                f"read it after the `with`."
            )
        return self._outcome

    def settle(self, outcome: Outcome) -> None:
        """Give it its outcome."""
        self._outcome = outcome


class ParallelBlock:
    """Collects branches, and runs them side by side when the block ends."""

    def __init__(
        self,
        state: SliceState,
        name: str,
        options: GroupOptions,
        new_context: Callable[[SliceState], Any],
    ) -> None:
        self._state = state
        self._name = name
        self._options = options
        self._new_context = new_context
        self._branches: list[Branch] = []
        self._pending: dict[str, Pending[Any]] = {}
        self._result: GroupResult | None = None

    def __enter__(self) -> Self:
        """Begin to declare branches."""
        self._state.check_call(f"Parallel {self._name!r}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Run the branches; an error in the block itself wins."""
        if error is not None:
            return
        result = GroupManager(self._state).run(self._name, self._branches, self._options)
        self._result = result
        for name, outcome in result.outcomes.items():
            self._pending[name].settle(outcome)
        if result.decision.error is not None:
            self._state.fail(result.call, result.decision.error)

    # --- branches ---

    def step(  # noqa: PLR0913 -- the options of a step
        self,
        name: str,
        action: Callable[..., T],
        *args: Any,
        compensate: Callable[[T], object] | None = None,
        compensate_retry: RetryPolicy | None = None,
        retry: RetryPolicy | None = None,
        timeout: timedelta | None = None,
        atomic: bool = False,
        at_most_once: bool = False,
        raises: tuple[type[Exception], ...] = (),
        serialize: Callable[[T], Any] | None = None,
        deserialize: Callable[[Any], T] | None = None,
        fallback: Any = NO_FALLBACK,
    ) -> Pending[T]:
        """Declare a step; see `WorkflowContext.step`."""
        options = StepOptions(
            compensate=compensate,
            compensate_retry=compensate_retry,
            retry=retry or RetryPolicy.none(),
            timeout=timeout,
            atomic=atomic,
            at_most_once=at_most_once,
            raises=raises,
            serialize=serialize,
            deserialize=deserialize,
            fallback=fallback,
        )

        def work(state: SliceState) -> T:
            with state.durable_call(f"Step {name!r}"):
                executor = StepExecutor(state, RetryExecutor())
                result: T = executor.execute(name, action, args, options)
                return result

        return self._add(Branch(name=name, work=work))

    def child(
        self,
        name: str,
        workflow: Runnable[T],
        *args: Any,
        kwargs: Mapping[str, Any] | None = None,
        compensate: Callable[[T], object] | None = None,
        compensate_retry: RetryPolicy | None = None,
        on_parent_close: str = ParentClosePolicy.CANCEL,
    ) -> Pending[T]:
        """Declare a child; see `WorkflowContext.child`."""
        options = ChildOptions(
            kwargs=kwargs or {},
            compensate=compensate,
            compensate_retry=compensate_retry,
            on_parent_close=close_policy(on_parent_close),
        )

        def work(state: SliceState) -> Any:
            with state.durable_call(f"Child {name!r}"):
                return ChildManager(state).child(name, workflow, args, options)

        return self._add(Branch(name=name, work=work, is_wait=True))

    def wait(self, name: str, event: Awaitable | str) -> Pending[Any]:
        """Declare a wait for a signal, an event or a timer: `p.wait("packed", Signal("packed"))`."""
        return self._add(as_awaitable(event).branch(name))

    def ask(self, name: str, form: Any, **options: Any) -> Pending[Any]:
        """Declare a human task; see `WorkflowContext.ask`."""

        def work(state: SliceState) -> Any:
            asking = TaskCalls()
            asking._state = state  # noqa: SLF001 -- a chapter of the context on this branch
            return asking.ask(name, form, **options)

        return self._add(Branch(name=name, work=work, is_wait=True))

    def branch(self, name: str, body: Callable[..., T], *args: Any) -> Pending[T]:
        """Declare a body of its own: `body(ctx, *args)`, with a context for this branch.

        It may make any durable calls, one after the other; their keys begin with
        `<block>/<branch>/`.
        """

        def work(state: SliceState) -> T:
            return body(self._new_context(state), *args)

        return self._add(Branch(name=name, work=work, is_call=False))

    # --- after the block ---

    @property
    def winner(self) -> str:
        """The branch that decided the group: the first that succeeded; empty if none did."""
        if self._result is None:
            raise DurableCallError(f"The block {self._name!r} has not ended yet.")
        return self._result.decision.by

    @property
    def errors(self) -> dict[str, Exception]:
        """What the branches failed with, by branch."""
        read = {name: pending.error for name, pending in self._pending.items()}
        return {name: error for name, error in read.items() if error is not None}

    def _add(self, branch: Branch) -> Pending[Any]:
        check_name("branch", branch.name)
        if self._result is not None:
            raise DurableCallError(f"The block {self._name!r} has ended; it takes no branch more.")
        if branch.name in self._pending:
            raise DefinitionError(
                f"Block {self._name!r} has two branches {branch.name!r}: give each its name."
            )
        self._branches.append(branch)
        pending: Pending[Any] = Pending(self._name, branch.name)
        self._pending[branch.name] = pending
        return pending
