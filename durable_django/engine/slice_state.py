"""What the parts of one slice share: the claim, the needs, and what has happened so far."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NoReturn, ParamSpec, TypeVar
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.execution import Execution, NewExecution
from durable_django.domain.status import ExecutionStatus, Interrupt, ParkReason
from durable_django.engine.branch_share import BranchShare
from durable_django.engine.current_step import find_current_step
from durable_django.engine.records import Call
from durable_django.engine.replay import Walk
from durable_django.engine.slice_needs import SliceNeeds
from durable_django.engine.suspension import (
    BranchStopped,
    ReplayEnded,
    SliceAbandoned,
    WorkflowInterrupted,
    WorkflowParked,
)
from durable_django.engine.undoables import Undoable, UndoSource
from durable_django.exceptions import DurableCallError, PayloadError
from durable_django.ports.checkpoint_store import LeaseLost

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class SliceState:
    """One slice: used by one thread, from the claim to the end of the slice."""

    claim: Claim
    needs: SliceNeeds
    replay: Walk
    #: In the order of the walk through the body.
    undoables: dict[str, Undoable | UndoSource] = field(default_factory=dict)
    #: The children that are to be started with the next wait, by workflow and key.
    starting: dict[tuple[str, str], NewExecution] = field(default_factory=dict)
    #: Set in a branch.
    share: BranchShare | None = None
    #: Set when the body must be left; every later durable call raises it again.
    latch: BaseException | None = None
    #: The group whose branches are being run: they have contexts of their own.
    group: str = ""
    #: Set when the slice is over: a context that is used after that is a mistake.
    is_over: bool = False
    #: The errors that durable calls raised in the body, each with the key of its call.
    _raised: list[tuple[BaseException, str]] = field(init=False, default_factory=list)
    #: Workflow time: the instant of the last durable call that the body has passed.
    passed_at: datetime = field(init=False)
    _clock_at_claim: datetime = field(init=False)
    _thread: int = field(init=False, default_factory=threading.get_ident)

    def __post_init__(self) -> None:
        """Start both clocks."""
        self.passed_at = self._begins_at()
        self._clock_at_claim = self.needs.clock.now()

    @property
    def execution(self) -> Execution:
        """The execution as it was claimed."""
        return self.claim.execution

    @property
    def is_undoing(self) -> bool:
        """Whether the body runs only to tell its undos: no action may begin."""
        return self.claim.status is ExecutionStatus.COMPENSATING

    def now(self) -> datetime:
        """Return the store's time, reckoned from the claim by the local clock."""
        return self.claim.now + (self.needs.clock.now() - self._clock_at_claim)

    def stop(self, reason: BaseException) -> NoReturn:
        """Leave the body for `reason`, now and at every durable call to come."""
        self.latch = reason
        raise reason

    def check_call(self, what: str) -> None:
        """Refuse a durable call where none may be.

        Raises:
            DurableCallError: Inside an action or a transaction, in another thread, or too late.
        """
        if self.is_over:
            raise DurableCallError(
                f"{what}: this slice of execution {self.execution.id} is over. Do not keep the "
                f"context; use the one the body is given."
            )
        if self._thread != threading.get_ident():
            raise DurableCallError(
                f"{what} was called in another thread than the workflow's body. Make durable "
                f"calls in the body itself."
            )
        if self.latch is not None:
            raise self.latch
        if self.group:
            raise DurableCallError(
                f"{what} was called in a branch of {self.group!r} on the context of the body. Use "
                f"the context that the branch is given."
            )
        step = find_current_step()
        if step is not None and step.execution_id == self.execution.id:
            raise DurableCallError(
                f"{what} was called inside the action of step {step.key!r}. Make durable calls in "
                f"the workflow's body, one after the other."
            )
        if self.needs.transaction_depth():
            raise DurableCallError(
                f"{what} was called inside transaction.atomic(): the block would be rolled back "
                f"when the workflow suspends. Move the writes into a step with atomic=True."
            )

    def check_may_begin(self) -> None:
        """Refuse to begin an action when undoing, or when the lease is in doubt."""
        if self.is_undoing:
            self.stop(ReplayEnded())
        if self.share is not None and self.share.is_decided:
            self.stop(BranchStopped())
        if not self.needs.may_begin(self.claim):
            self.lose_lease()

    def lose_lease(self) -> NoReturn:
        """Leave because another process may hold the execution by now."""
        self.stop(LeaseLost(self.execution.id))

    @contextmanager
    def durable_call(self, what: str) -> Iterator[None]:
        """Guard one durable call: refuse it where none may be, and latch what leaves the body."""
        self.check_call(what)
        share = self.share
        if share is not None:
            share.lock.acquire()
        try:
            yield
        except Exception:
            raise
        except BaseException as reason:
            # Ours, or a process that is told to end: neither may be swallowed and gone past.
            self.latch = reason
            raise
        finally:
            if share is not None:
                share.lock.release()

    @contextmanager
    def latching(self) -> Iterator[None]:
        """Have what leaves the body leave it again at every durable call to come."""
        try:
            yield
        except Exception:
            raise
        except BaseException as reason:
            self.latch = reason
            raise

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other branches out, which may run in other threads."""
        with nullcontext() if self.share is None else self.share.lock:
            yield

    def run_action(self, action: Callable[[], Any], timeout: timedelta | None) -> Any:
        """Run an action inside a durable call, and let other branches in meanwhile."""
        if self.share is None:
            return self.needs.actions.run(action, timeout)
        self.share.lock.release()
        try:
            return self.needs.actions.run(action, timeout)
        finally:
            self.share.lock.acquire()

    def branch(self, walk: Walk, share: BranchShare) -> SliceState:
        """Return the state of a branch, for the thread that calls this."""
        branch = SliceState(self.claim, self.needs, walk, self.undoables, self.starting, share)
        branch._raised = self._raised
        branch._clock_at_claim = self._clock_at_claim
        branch.passed_at = self.passed_at
        return branch

    def item(self, walk: Walk, share: BranchShare) -> SliceState:
        """Return the state of one item of a map, of which nothing is kept: there may be thousands."""
        item = self.branch(walk, share)
        item.undoables = {}
        item._raised = []  # noqa: SLF001 -- its own state
        return item

    def opened(self, checkpoint: Checkpoint) -> None:
        """Note an attempt that was just opened, and stays open."""
        self.replay.note(checkpoint)
        self.claim.checkpoints.append(checkpoint)

    def write(self, transition: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Have the store make a transition; its own failure is a crash, not the workflow's."""
        try:
            return transition(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 -- whatever a database may raise
            self.abandon(error)

    def abandon(self, error: Exception) -> NoReturn:
        """Leave the body as if this process had crashed here."""
        record = self.needs.errors.record(error)
        self.latch = SliceAbandoned(record)
        raise self.latch from error

    def heed(self, interrupt: Interrupt | None) -> None:
        """Leave the body if the store reported an interrupt."""
        if interrupt is not None:
            self.stop(WorkflowInterrupted(interrupt))

    def fail(self, call: Call, error: Exception) -> NoReturn:
        """Have a durable call raise its outcome in the body."""
        self.note_raised(error, call.key)
        raise error

    def note_raised(self, error: BaseException, key: str) -> None:
        """Remember whose failure an error is that the body sees."""
        self._raised.append((error, key))

    def find_failed_call(self, error: BaseException | None) -> str:
        """Return the key of the durable call whose failure `error` is, or comes from, else ''."""
        while error is not None:
            for raised, key in self._raised:
                if raised is error:
                    return key
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return ""

    def passed(self, call: Call, checkpoint: Checkpoint) -> None:
        """Note that the body has passed a call with this outcome, new or recorded."""
        if checkpoint.completed_at is not None:
            self.passed_at = max(self.passed_at, checkpoint.completed_at)

    def wrote(self, checkpoint: Checkpoint) -> None:
        """Note an outcome that was just stored."""
        self.replay.note(checkpoint)
        if self.execution.recoveries:
            self.write(self.needs.store.clear_recoveries, self.claim)
            self.claim.execution = without_recoveries(self.execution)

    def decode(self, text: str, what: str, deserialize: Callable[[Any], Any] | None = None) -> Any:
        """Return a stored value; one that cannot be read parks the execution."""
        try:
            return self.needs.payloads.decode(text, what, deserialize)
        except PayloadError as error:
            self.stop(WorkflowParked(ParkReason.PAYLOAD, self.needs.errors.record(error)))
        except Exception as error:  # noqa: BLE001 -- what a codec needs may be away
            self.abandon(error)

    def rewind(self) -> None:
        """Begin again at the body's first call, with all that is known by now."""
        self.replay.rewind()
        # The walk to come tells them again, in its own order.
        self.undoables.clear()
        self.starting.clear()
        self.latch = None
        self.passed_at = self._begins_at()

    def tell(self, hook: Callable[[Any], object]) -> None:
        """Tell the observers."""
        self.needs.notifier.tell(hook)

    def raise_swallowed(self) -> None:
        """Leave again if the body swallowed the reason to leave."""
        if self.latch is not None:
            raise self.latch

    def _begins_at(self) -> datetime:
        return self.execution.started_at or self.claim.now

    @property
    def execution_id(self) -> UUID:
        """The id of the execution."""
        return self.claim.execution_id


def without_recoveries(execution: Execution) -> Execution:
    """Return the execution with its count of recoveries at zero."""
    return replace(execution, recoveries=0)


def error_of(checkpoint: Checkpoint) -> ErrorRecord:
    """Return what a failed checkpoint says."""
    return ErrorRecord.from_text(checkpoint.error or "")
