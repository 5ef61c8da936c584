"""Map a workflow over many items: a child for each, spread over all workers.

The children are known by their ids, which are derived from the map and the item's key: the parent
keeps no record of each. It is woken for the last one, and for one that failed. When the map has
completed, the children's results become items of the parent, which may then outlive them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn
from uuid import uuid5

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.execution import Execution, NewExecution
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    ParentClosePolicy,
    WaitKind,
)
from durable_django.domain.wait import Wait
from durable_django.engine.cancelling import cancel_items
from durable_django.engine.child_outcomes import error_of_child
from durable_django.engine.child_plans import ChildOptions, as_child
from durable_django.engine.dropping import was_dropped
from durable_django.engine.map_items import check_lengths, keys_of, load_items
from durable_django.engine.map_manager import MapOptions
from durable_django.engine.map_record import (
    MapEnd,
    check_same_items,
    close_map,
    interrupted,
    open_map,
    result_of,
    write_end,
)
from durable_django.engine.map_result import MapResult
from durable_django.engine.records import Call
from durable_django.engine.slice_state import SliceState, error_of
from durable_django.engine.suspension import WorkflowSuspended
from durable_django.engine.undoables import Undoable
from durable_django.engine.witnesses import path_of
from durable_django.exceptions import BranchDroppedError, ChildFailedError, DefinitionError

#: Children that are inserted in one transaction.
BATCH = 200
_TOLD = 5
_CANCELLED = ExecutionStatus.CANCELLED


class ChildMapManager:
    """Maps workflows in one slice."""

    def __init__(self, state: SliceState) -> None:
        self._state = state

    def map(
        self, name: str, target: Any, items: Sequence[Any], options: MapOptions
    ) -> MapResult[Any]:
        """Return the results; see `WorkflowContext.map`."""
        state = self._state
        keys = keys_of(name, items, options.key)
        call = state.replay.enter(CheckpointKind.MAP, name)
        check_lengths(call, keys)
        check_same_items(state, call, keys)
        return _ChildMapRun(state, call, target, items, keys, options).run()


class _ChildMapRun:
    """One walk by one map."""

    def __init__(
        self,
        state: SliceState,
        call: Call,
        target: Any,
        items: Sequence[Any],
        keys: Sequence[str],
        options: MapOptions,
    ) -> None:
        self._state = state
        self._store = state.needs.store
        self._call = call
        self._target = target
        self._items = items
        self._keys = keys
        self._options = options

    def run(self) -> MapResult[Any]:
        state, call = self._state, self._call
        if self._options.step.compensate is not None:
            state.undoables[call.key] = self
        settled = call.settled
        if settled is None:
            if state.is_undoing:
                self._keep_unseen()
            state.check_may_begin()
            settled = self._settle()
        state.passed(call, settled)
        return result_of(state, call, settled, self._keys, self._read)

    def _settle(self) -> Checkpoint:
        state, call, total = self._state, self._call, len(self._keys)
        undo = self._options.step.compensate
        if call.open_intent is None and self._keys:
            self._plan(0)  # refused, if at all, before anything is written
        attempt = open_map(state, call, self._target, self._keys, undo)
        counted = self._count()
        # A later attempt puts others in the place of those that failed before.
        if attempt.attempt > 1 or sum(counted.values()) < total:
            self._start_all()
            counted = self._count()
        completed = counted.get(ExecutionStatus.COMPLETED, 0)
        ended = sum(count for status, count in counted.items() if status.is_terminal)
        failed = ended - completed
        if failed > self._options.allowed(total):
            end = self._failed(counted)
            cancel_items(state, call.key, self._reason)
        elif ended < total:
            self._wait()
        else:
            end = MapEnd(failed=failed, total=total)
        return close_map(state, call, end, takes_items=self._compensation())

    def _keep_unseen(self) -> None:
        """While undoing, keep the results of children that completed, so that they are undone.

        All others were asked to cancel before the undoing began, or when the branch was dropped
        that the map stands in.
        """
        state, call, undo = self._state, self._call, self._options.step.compensate
        last = call.attempts[-1] if call.attempts else None
        if undo is None or last is None:
            return
        if call.open_intent is not None or was_dropped(last):
            attempt = open_map(state, call, self._target, self._keys, undo)
            write_end(state, interrupted(state, attempt), self._compensation())

    def _count(self) -> dict[ExecutionStatus, int]:
        return self._state.write(
            self._store.count_children, self._state.execution_id, self._call.key
        )

    def _wait(self) -> NoReturn:
        key = self._call.key
        self._state.stop(WorkflowSuspended(Wait(kind=WaitKind.MAP, name=key, key=key)))

    def _failed(self, counted: Mapping[ExecutionStatus, int]) -> MapEnd:
        """Return the end of a map of which too many items failed: how many, and the first errors.

        Those that it cancelled for that itself do not count: a crash may have come since.
        """
        # Only then all must be looked at.
        are_some_cancelled = counted.get(ExecutionStatus.CANCELLED, 0) > 0
        failed, errors = 0, dict[str, str]()
        for child in self._list_failed():
            failed += 1
            if len(errors) < _TOLD:
                errors[child.parent_key.rpartition("/")[2]] = str(error_of_child(child))
            elif not are_some_cancelled:
                failed = counted.get(ExecutionStatus.FAILED, 0)
                break
        return MapEnd(failed=failed, total=len(self._keys), has_failed=True, errors=errors)

    def _list_failed(self) -> Iterator[Execution]:
        """Yield the children that ended without a result, but for those that this map cancelled."""
        for begin in range(0, len(self._keys), BATCH):
            keys = [f"{self._call.key}/{key}" for key in self._keys[begin : begin + BATCH]]
            parent_id = self._state.execution_id
            children = self._state.write(
                partial(self._store.list_children, parent_id, keys=keys, limit=len(keys) * 2)
            )
            for child in children:
                is_own_doing = (child.status, child.cancel_reason) == (_CANCELLED, self._reason)
                if child.parent_wait is WaitKind.MAP and _has_failed(child) and not is_own_doing:
                    yield child

    @property
    def _reason(self) -> str:
        """What the children are told that are cancelled because others failed."""
        return f"{self._call.key}: too many items failed"

    # --- starting ---

    def _start_all(self) -> None:
        for begin in range(0, len(self._keys), BATCH):
            children = [
                self._plan(place) for place in range(begin, min(begin + BATCH, len(self._keys)))
            ]
            state = self._state
            state.heed(
                state.write(self._store.start_map_children, state.claim, self._call.key, children)
            )
            state.needs.wake(children[0].queue)

    def _plan(self, place: int) -> NewExecution:
        state, call = self._state, self._call
        planned = state.needs.plan_child(self._target, (self._items[place],), {})
        if planned.key is not None:
            raise DefinitionError(
                f"Map {call.key!r} would give the key {planned.key!r} to every child. Leave it out."
            )
        attempt = call.open_intent.attempt if call.open_intent else 1
        options = ChildOptions(on_parent_close=ParentClosePolicy.CANCEL)
        key = f"{call.key}/{self._keys[place]}"
        child = as_child(state, planned, key, attempt, WaitKind.MAP, options)
        if self._options.max_concurrency is None:
            return child
        if child.limit_key:
            raise DefinitionError(
                f"Map {call.key!r} has a max_concurrency, and its workflow a limit of its own: an "
                "execution stands in one line only. Leave one of the two out."
            )
        limit = f"~map/{uuid5(state.execution_id, call.key)}"
        return replace(child, limit_key=limit, limit_max=self._options.max_concurrency)

    def _compensation(self) -> str:
        handler = self._options.step.compensate
        return "" if handler is None else path_of(handler)

    # --- reading what is recorded ---

    def _read(self, begin: int, end: int) -> list[Any]:
        keys = self._keys[begin:end]
        calls = load_items(self._state, self._call, keys)
        return [self._outcome(key, call) for key, call in zip(keys, calls, strict=True)]

    def _outcome(self, key: str, call: Call) -> Any:
        settled = call.settled
        if settled is None:
            return BranchDroppedError(self._call.key, key)
        if settled.status is CheckpointStatus.FAILED:
            error = error_of(settled)
            return ChildFailedError(call.key, "", error.type, error.message)
        return self._state.decode(settled.output or "null", f"Result of item {call.key!r}")

    # --- undoing ---

    @property
    def whole(self) -> Checkpoint | None:
        """The map's own outcome."""
        return self._call.settled

    def newest_first(self) -> Iterator[Undoable]:
        """Yield the items that completed, the last one first."""
        handler = self._options.step.compensate
        for begin in reversed(range(0, len(self._keys), BATCH)):
            calls = load_items(self._state, self._call, self._keys[begin : begin + BATCH])
            for call in reversed(calls):
                if handler is not None and call.settled is not None and call.settled.output:
                    yield Undoable(
                        checkpoint=call.settled,
                        handler=handler,
                        result=self._state.decode(call.settled.output, f"Item {call.key!r}"),
                        retry=self._options.step.compensate_retry or self._state.needs.undo_retry,
                        atomic=False,
                        times_undone=call.times_undone,
                    )


def _has_failed(child: Execution) -> bool:
    return child.is_terminal and child.status is not ExecutionStatus.COMPLETED


def is_workflow(target: object) -> bool:
    """Say whether it is a workflow, or one with options, and no plain function."""
    return hasattr(target, "start") and hasattr(target, "run") and hasattr(target, "options")
