"""`ctx.parallel` and `ctx.map`: what a workflow says of work side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, TypeVar, overload

from durable_django.domain.identifiers import check_name
from durable_django.domain.retry_policy import RetryPolicy
from durable_django.engine.child_calls import Runnable
from durable_django.engine.child_map_manager import ChildMapManager, is_workflow
from durable_django.engine.group_manager import GroupOptions
from durable_django.engine.group_policies import policy_of
from durable_django.engine.map_manager import MapManager, MapOptions
from durable_django.engine.map_result import MapResult
from durable_django.engine.parallel_block import ParallelBlock
from durable_django.engine.slice_state import SliceState
from durable_django.engine.step_executor import NO_FALLBACK, StepOptions
from durable_django.exceptions import DefinitionError

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741 -- an item


class GroupCalls:
    """The chapter of the context about work side by side."""

    _state: SliceState

    def _new_context(self, state: SliceState) -> Any:
        """Return a context for a branch."""
        raise NotImplementedError

    def parallel(
        self, name: str, *, policy: str = "fail_fast", max_concurrency: int | None = None
    ) -> ParallelBlock:
        """Do several things side by side: a block of branches, which run when it ends.

        ```
        with ctx.parallel("prepare") as p:
            stock = p.step("stock", reserve, order_id, compensate=release)
            invoice = p.child("invoice", invoice_order, order_id)
        use(stock.result, invoice.result)
        ```

        Branches may retry, sleep and wait; each goes on by itself, also after a crash. External
        actions run in threads where the database allows (`DURABLE["PARALLEL_THREADS"]`; one after
        the other on SQLite). A branch is known by its name, `prepare/stock`, whatever ends first.
        What completed is undone, the last branch first, if the workflow fails.

        Args:
            name: Names the block.
            policy: "fail_fast": the first failure drops the other branches, cancels their
                children, and is raised. "complete_all": all are brought to their ends; reading a
                result raises its error. "first_success": the first that completes drops the
                others; `p.winner` names it.
            max_concurrency: At most so many branches are under way at once.

        Raises:
            ParallelFailedError: With "first_success", no branch did.
        """
        check_name("group", name)
        options = GroupOptions(policy=policy_of(policy), max_concurrency=max_concurrency)
        return ParallelBlock(self._state, name, options, self._new_context)

    @overload
    def map(
        self,
        name: str,
        function: Runnable[T],
        items: Iterable[I],
        *,
        key: Callable[[I], object] | None = ...,
        max_concurrency: int | None = ...,
        tolerate: float = ...,
        compensate: Callable[[T], object] | None = ...,
        compensate_retry: RetryPolicy | None = ...,
    ) -> MapResult[T]: ...

    @overload
    def map(
        self,
        name: str,
        function: Callable[[I], T],
        items: Iterable[I],
        *,
        key: Callable[[I], object] | None = ...,
        max_concurrency: int | None = ...,
        tolerate: float = ...,
        compensate: Callable[[T], object] | None = ...,
        compensate_retry: RetryPolicy | None = ...,
        retry: RetryPolicy | None = ...,
        timeout: timedelta | None = ...,
        atomic: bool = ...,
        at_most_once: bool = ...,
        raises: tuple[type[Exception], ...] = ...,
        fallback: Any = ...,
    ) -> MapResult[T]: ...

    def map(  # noqa: PLR0913 -- one keyword per option, each with a default
        self,
        name: str,
        function: Any,
        items: Iterable[Any],
        *,
        key: Callable[[Any], object] | None = None,
        max_concurrency: int | None = None,
        tolerate: float = 0,
        compensate: Callable[[Any], object] | None = None,
        compensate_retry: RetryPolicy | None = None,
        retry: RetryPolicy | None = None,
        timeout: timedelta | None = None,
        atomic: bool = False,
        at_most_once: bool = False,
        raises: tuple[type[Exception], ...] = (),
        fallback: Any = NO_FALLBACK,
    ) -> MapResult[Any]:
        """Apply a function, or a workflow, to many items; return the results in their order.

        A function is run as a step for each item, by this execution's worker, in threads where
        the database allows. A workflow is started as a child for each item, and all workers
        share them. Ten thousand items need no more memory than a hundred, besides the items
        themselves: results are read from the database when they are asked for.

        Args:
            name: Names the map; an item's step is `name/key`.
            function: Takes one item.
            items: The same on every replay, such as a step's result.
            key: Tells an item from the others, as a text, a whole number or a UUID; items that
                are such themselves need none. Two items may not have the same.
            max_concurrency: At most so many items are under way at once. A workflow that has a
                `limit` of its own is refused with it.
            tolerate: How many items may fail: a number (3), or a share below 1 (0.05).
            compensate: Called with each result if the workflow fails or is cancelled later.
            compensate_retry: How often the undo is tried.
            retry: As for a step, and so are the rest; a workflow has its own.
            timeout: See `step`.
            atomic: See `step`.
            at_most_once: See `step`.
            raises: See `step`.
            fallback: See `step`.

        Raises:
            MapFailedError: More items failed than are tolerated. The rest was not begun, or
                cancelled.
        """
        check_name("map", name)
        step = StepOptions(
            compensate=compensate,
            compensate_retry=compensate_retry,
            retry=retry or RetryPolicy.none(),
            timeout=timeout,
            atomic=atomic,
            at_most_once=at_most_once,
            raises=raises,
            fallback=fallback,
        )
        options = MapOptions(key=key, max_concurrency=max_concurrency, tolerate=tolerate, step=step)
        given = items if isinstance(items, list | tuple) else list(items)
        if not is_workflow(function):
            if not callable(function):
                raise DefinitionError(f"Map {name!r} needs a function or a workflow.")
            return MapManager(self._state).map(name, function, given, options)
        if retry or timeout or atomic or at_most_once or raises or fallback is not NO_FALLBACK:
            raise DefinitionError(
                f"Map {name!r} starts a workflow for each item: retries, timeouts and the like "
                f"are for the steps in it."
            )
        with self._state.durable_call(f"Map {name!r}"):
            return ChildMapManager(self._state).map(name, function, given, options)
