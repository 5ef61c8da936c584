"""Which execution a call starts: its options, its id, its place in the family, and its key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from durable_django.domain.execution import Execution, NewExecution
from durable_django.domain.identifiers import child_id
from durable_django.domain.retry_policy import RetryPolicy
from durable_django.domain.status import OnConflict, ParentClosePolicy, WaitKind
from durable_django.engine.map_result import as_plain
from durable_django.engine.records import Call
from durable_django.engine.signal_manager import NO_DEFAULT
from durable_django.engine.slice_state import SliceState
from durable_django.exceptions import (
    ChildDepthError,
    DefinitionError,
    ExecutionKeyConflictError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildOptions:
    """What a call of `ctx.child` asks for; see there."""

    kwargs: Mapping[str, Any] = field(default_factory=dict)
    timeout: timedelta | None = None
    default: Any = NO_DEFAULT
    on_parent_close: ParentClosePolicy = ParentClosePolicy.CANCEL
    compensate: Any = None
    compensate_retry: RetryPolicy | None = None


def close_policy(name: str) -> ParentClosePolicy:
    """Return the policy that code names.

    Raises:
        DefinitionError: There is none of this name.
    """
    known = [str(policy) for policy in ParentClosePolicy]
    if name not in known:
        raise DefinitionError(f"on_parent_close is {' or '.join(known)}, not {name!r:.60}.")
    return ParentClosePolicy(name)


def plan_child(
    state: SliceState,
    call: Call,
    target: Any,
    args: tuple[Any, ...],
    options: ChildOptions,
    parent_wait: WaitKind,
) -> NewExecution:
    """Return what the call starts: a workflow, or one with options, with these arguments."""
    planned = state.needs.plan_child(target, as_plain(args), as_plain(dict(options.kwargs)))
    return as_child(state, planned, call.key, call.next_attempt, parent_wait, options)


def as_child(
    state: SliceState,
    planned: NewExecution,
    key: str,
    attempt: int,
    parent_wait: WaitKind,
    options: ChildOptions,
) -> NewExecution:
    """Return a planned execution as a child of this one.

    Raises:
        ChildDepthError: It would have more ancestors than an execution may have.
    """
    depth = state.execution.depth + 1
    if depth > state.needs.max_depth:
        raise ChildDepthError(state.execution_id, key, state.needs.max_depth)
    return replace(
        planned,
        id=child_id(state.execution_id, f"{key}@{attempt}", state.passed_at),
        parent_id=state.execution_id,
        parent_key=key,
        parent_wait=parent_wait,
        on_parent_close=options.on_parent_close,
        depth=depth,
        correlation_id=planned.correlation_id or state.execution.correlation_id,
    )


def with_free_key(state: SliceState, child: NewExecution) -> NewExecution:
    """Return a child that may have its key: one that ended for this very call gives it up.

    Raises:
        ExecutionKeyConflictError: Another execution has it, or will have it in a moment.
    """
    holder = find_holder_of_key(state, child)
    if holder is None:
        _reserve_key(state, child)
        return child
    call = (holder.parent_id, holder.parent_key)
    if call == (child.parent_id, child.parent_key) and holder.is_terminal:
        return replace(child, on_conflict=OnConflict.REPLACE)
    raise ExecutionKeyConflictError(child.workflow_name, child.key or "", holder.id, awaits=True)


def find_holder_of_key(state: SliceState, child: NewExecution) -> Execution | None:
    """Return the execution that has its key, unless it would take the key over."""
    if child.key is None or _takes_over(child):
        return None
    find = state.needs.store.find_execution_by_key
    return state.write(find, child.workflow_name, child.key)


def _reserve_key(state: SliceState, child: NewExecution) -> None:
    """Refuse a key that another branch is about to give to its child."""
    if child.key is None or _takes_over(child):
        return
    first = state.starting.setdefault((child.workflow_name, child.key), child)
    if first.id != child.id:
        raise ExecutionKeyConflictError(child.workflow_name, child.key, first.id, awaits=True)


def _takes_over(child: NewExecution) -> bool:
    return child.on_conflict in (OnConflict.REPLACE, OnConflict.QUEUE)
