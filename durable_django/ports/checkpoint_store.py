"""CheckpointStore: every transition an execution can make, each one atomic.

The port is shaped by transitions, not rows, so that a store can make each one statement or one
short transaction. Three rules hold for all of them:

* **The fence.** A method that takes a `Claim` writes only if the execution still has that
  claim's fence and is held (RUNNING or COMPENSATING); else it changes nothing and raises
  `LeaseLost`. Proof and write are one transaction.
* **Interrupts.** A method that returns `Interrupt | None` (or an `Interrupt` among others)
  writes nothing and returns the interrupt if, while RUNNING, a cancel or a pause was requested or
  the time to live has passed. A COMPENSATING execution is never interrupted.
* **The clock.** Alarms, leases and timers compare with the store's own clock (`now`).

Rows are written in the caller's transaction, if there is one, by the methods under "outside
acts"; what a slice writes commits before the method returns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.event import Event, NewEvent
from durable_django.domain.execution import Execution, NewExecution
from durable_django.domain.signal import Signal
from durable_django.domain.status import ExecutionStatus, Interrupt, ParkReason
from durable_django.domain.timer import Timer
from durable_django.domain.wait import Suspension, Wait
from durable_django.ports.child_store import ChildStore
from durable_django.ports.group_store import GroupStore
from durable_django.ports.queue_store import QueueStore
from durable_django.ports.task_store import TaskStore

T = TypeVar("T")


class LeaseLost(BaseException):
    """Another claim holds the execution now, or none: this slice may write nothing more."""

    def __init__(self, execution_id: UUID) -> None:
        self.execution_id = execution_id
        super().__init__(f"The lease of execution {execution_id} was lost; the slice is dropped.")


class CheckpointStore(ChildStore, GroupStore, TaskStore, QueueStore, Protocol):
    """Holds executions, checkpoints, timers and signals. Payloads are text to it."""

    def now(self) -> datetime:
        """Return the store's clock, aware UTC."""

    # --- outside acts: in the caller's transaction, if there is one ---

    def transact(self, work: Callable[[], T]) -> T:
        """Do `work`, which calls other outside acts, in one transaction; return what it returns.

        It joins the caller's transaction. What `work` raises undoes its own writes and no others,
        so that a refused act does not spoil the caller's transaction. `work` may be called again
        if the database undid it as the victim of a deadlock.
        """

    def add_event(self, event: NewEvent) -> None:
        """Add to the execution's events; ids rise in commit order within an execution.

        Called after the act it tells of, which holds the lock of the execution's row.
        """

    def insert_executions(self, new: Sequence[NewExecution]) -> list[tuple[Execution, bool]]:
        """Insert executions as PENDING; return each with whether it is new, in the order given.

        One whose (workflow name, key) exists already is not inserted: the existing one is
        returned, unchanged (with RAISE too: to refuse is the caller's). A conflict does not spoil
        the caller's transaction. One with REPLACE or QUEUE takes the key over, so that it is the
        one found by it. With REPLACE the former holder is asked to cancel, with its event, unless
        it has ended; with QUEUE, all earlier ones with the key that have not ended go before it.
        One with a limit is admitted, or held back: see `QueueStore`.

        Raises:
            DefinitionError: With QUEUE, an earlier one is under another limit.
            ExecutionKeyConflictError: Others took the key over again and again.
        """

    def add_signal(
        self, execution_id: UUID, name: str, payload: str, dedupe_key: str | None = None
    ) -> tuple[Signal, bool]:
        """Accept a signal at the next position, and wake the execution if it waits for that name.

        Returns the signal and whether it is new; with a `dedupe_key` the execution has already
        seen, the first signal is returned and nothing changes.

        Raises:
            ExecutionNotFoundError: No such execution.
            InvalidTransitionError: It is terminal or COMPENSATING: nothing would consume it.
        """

    def request_cancel(self, execution_id: UUID, reason: str, *, compensates: bool) -> bool:
        """Note that the execution is to be cancelled, and wake it unless a slice holds it.

        Returns whether it changed anything. A second request does not, unless the execution was
        PAUSED or PARKED since: these become SUSPENDED and due.

        Raises:
            ExecutionNotFoundError: No such execution.
            InvalidTransitionError: It is terminal, COMPENSATING, or parked out of a compensation.
        """

    def request_pause(self, execution_id: UUID) -> bool:
        """Pause: at once if no slice holds it (PENDING, SUSPENDED), else at its next durable call.

        Returns whether it is new; pausing what is paused or asked to pause changes nothing.

        Raises:
            ExecutionNotFoundError: No such execution.
            InvalidTransitionError: It is terminal, COMPENSATING or PARKED, or to be cancelled.
        """

    def resume(self, execution_id: UUID) -> bool:
        """Let a PAUSED execution go on (SUSPENDED, due now); withdraw a pause not yet noticed.

        Returns whether anything changed.

        Raises:
            ExecutionNotFoundError: No such execution.
            InvalidTransitionError: It is neither PAUSED nor asked to pause.
        """

    def retry(self, execution_id: UUID) -> ExecutionStatus:
        """Let a FAILED or PARKED execution run again from its checkpoints; return its new status.

        Outcomes stay, with one exception: the failed call that ended it (`ErrorRecord.call`) is no
        longer final, so that it is made again. The epoch rises by one, so that its attempts have
        a fresh budget, and what was compensated is done again. What was parked out of a compensation goes on COMPENSATING, all else is PENDING;
        both are due now. Recoveries, park reason, a pause and an expiry in the past are cleared,
        and so is the error, unless it goes on COMPENSATING, where the error still says what for.
        An undoing goes on as it was: no outcome changes. A cancel that nobody has acted on yet (it was PARKED first) stays: it was accepted.

        Raises:
            ExecutionNotFoundError: No such execution.
            InvalidTransitionError: It is neither FAILED nor PARKED.
        """

    def insert_fork(self, new: NewExecution, before_position: int) -> Execution:
        """Insert an execution that begins with the outcomes of `new.forked_from`.

        Copied are the ended attempts of its calls (not of its undos) at positions below
        `before_position`. What was undone there comes along as undone: it is of an earlier epoch,
        so the fork does it again.
        """

    def hasten(self, execution_id: UUID, key: str) -> bool:
        """Have the pending timer of this call, or its next attempt, be due now.

        Wakes the execution if it is suspended (or waits in a compensation). Returns whether there
        was a pending timer, or a put off attempt, in the future.

        Raises:
            ExecutionNotFoundError: No such execution.
            InvalidTransitionError: It is terminal.
        """

    # --- reading ---

    def load_execution(self, execution_id: UUID) -> Execution:
        """Return the execution.

        Raises:
            ExecutionNotFoundError: No such execution.
        """

    def find_execution_by_key(self, workflow_name: str, key: str) -> Execution | None:
        """Return the execution of this workflow with this key, if there is one."""

    def list_executions(
        self,
        *,
        status: Collection[ExecutionStatus] = (),
        workflow_name: str | None = None,
        queue: str | None = None,
        limit: int = 100,
    ) -> list[Execution]:
        """Return executions, newest first (by id); no status given means any."""

    def list_checkpoints(self, execution_id: UUID) -> list[Checkpoint]:
        """Return all attempts, ordered by position, key and attempt."""

    def list_timers(self, execution_id: UUID) -> list[Timer]:
        """Return all timers, ordered by `fire_at`, then key."""

    def list_signals(self, execution_id: UUID) -> list[Signal]:
        """Return all signals, ordered by position."""

    def list_events(self, execution_id: UUID, *, after: int, limit: int) -> list[Event]:
        """Return up to `limit` events whose id is above `after`, oldest first."""

    # --- claiming and leases ---

    def claim_due(self, queue: str, limit: int, lease: timedelta, owner: str) -> list[Claim]:
        """Claim up to `limit` due executions of `queue`, head starts and longest overdue first.

        Due: in a claimable status with `wake_at` not after now; FOREGROUND ones are left alone.
        Each claimed one is RUNNING (or stays COMPENSATING), has its fence raised, its alarm at the
        lease's end, and its `waiting_kind` cleared (`waiting_for` stays as it was). `recoveries` is
        one higher if it was found held, and was 0 or had been begun under the fence before (see
        `note_begun`): what one worker after the other claimed and lost, but never began, counts
        once. A constant number of statements, however many are claimed.
        """

    def claim_one(self, execution_id: UUID, lease: timedelta, owner: str) -> Claim | None:
        """Claim this execution if it is due, whatever its guarantee; else return None."""

    def renew(self, claims: Iterable[Claim], lease: timedelta) -> set[UUID]:
        """Move the leases' ends to now + `lease`; return the ids of the claims still held."""

    def release(self, claim: Claim, wait: Wait) -> None:
        """Give an execution back on which nothing was begun: SUSPENDED (or still COMPENSATING).

        Due at the wait's alarm. Unlike `suspend` it is written whatever was requested meanwhile,
        and the claim is not counted as a recovery.
        """

    def abandon(self, claim: Claim, error: ErrorRecord, delay: timedelta) -> None:
        """Give an execution up as if this process had crashed, claimable after `delay`.

        The next claim counts as a recovery, by the rule of `claim_due`.
        """

    def note_begun(self, claim: Claim) -> None:
        """Note that the execution is about to be run under this claim.

        Needed only if `recoveries` is above 0: whoever finds it held then counts that.
        """

    def clear_recoveries(self, claim: Claim) -> None:
        """Note that the execution made a new checkpoint since it was last recovered."""

    def adopt_orphans(self, limit: int, grace: timedelta = timedelta(0)) -> list[UUID]:
        """Hand up to `limit` FOREGROUND executions whose process has gone to the workers (BACKGROUND).

        That is: held ones whose lease has run out, and others whose alarm passed at least `grace`
        ago, because the process of one that is not held may be about to claim it. Returns the ids of those this call handed over.
        """

    def next_alarm(self, queues: Collection[str]) -> datetime | None:
        """Return the earliest alarm that a worker of `queues` would have to answer, if any.

        A controlled queue's is no earlier than something could be claimed.
        """

    def count_due(self, queue: str, limit: int) -> int:
        """Return how many executions of `queue` could be claimed now, counting up to `limit`."""

    # --- what a slice writes ---

    def record_intent(
        self, claim: Claim, checkpoint: Checkpoint, *, must_survive: bool = False
    ) -> Interrupt | None:
        """Insert an INTENT checkpoint: the action is about to run.

        It survives a killed process. With `must_survive` it survives a crash of the database
        server too, as everything else does that is written here.

        Raises:
            LeaseLost: The fence was passed, or the attempt is recorded already.
        """

    def record_outcome(self, claim: Claim, checkpoint: Checkpoint) -> None:
        """Close an attempt as COMPLETED or FAILED: update its intent, or insert it if there is none.

        Written even if a cancel was requested meanwhile: the action has run. A `retry_at` is
        written as given.

        Raises:
            LeaseLost: The fence was passed, or the attempt was closed already.
        """

    def run_atomic(
        self, claim: Claim, checkpoint: Checkpoint, action: Callable[[], Checkpoint]
    ) -> Checkpoint | Interrupt:
        """Run `action` and insert the checkpoint it returns, in one transaction.

        The action's own writes to the same database commit with the checkpoint or not at all. The
        fence is taken after the action, so that user code never holds the execution's lock.
        `checkpoint` is the attempt that is about to run, for the store's messages.

        Raises:
            CheckpointNotCommittedError: The block ended without committing and said nothing.
            LeaseLost: The fence was passed; the action's writes were rolled back.
            Exception: What the action raised; its writes were rolled back.
        """

    def fire_timer(self, claim: Claim, checkpoint: Checkpoint) -> Interrupt | None:
        """Insert a COMPLETED checkpoint and mark the timer of its key FIRED."""

    def deliver_signal(
        self, claim: Claim, checkpoint: Checkpoint, signal: Signal
    ) -> Interrupt | None:
        """Insert a COMPLETED checkpoint, mark the signal DELIVERED, cancel the timer of the key.

        Raises:
            LeaseLost: The fence was passed, or the signal is no longer pending.
        """

    def expire_wait(self, claim: Claim, checkpoint: Checkpoint) -> Interrupt | Suspension:
        """Insert the timed-out wait's checkpoint and mark the timer of its key FIRED.

        Returns SUSPENDED (read: done) when the timeout won. If signals were accepted that the
        claim has not seen, nothing is written, they are added to the claim, and SIGNALLED is
        returned.
        """

    def suspend(self, claim: Claim, wait: Wait) -> Interrupt | Suspension:
        """Let go of the execution until its alarm, or until what it waits for happens.

        RUNNING becomes SUSPENDED; COMPENSATING stays. The alarm is the wait's, or the time to
        live if that is earlier. A timer that is pending under the key, or was cancelled in an
        earlier epoch, keeps its `fire_at`, and that is the alarm; one that fired in an earlier
        epoch (a wait that timed out, and is retried) is armed anew. If the wait is for a signal and signals were accepted that the
        claim has not seen, nothing is written, they are added to the claim, and SIGNALLED is
        returned.
        """

    def record_progress(self, claim: Claim, progress: dict[str, object]) -> None:
        """Store what the workflow says of its progress, for people."""

    def complete(self, claim: Claim, output: str) -> Interrupt | None:
        """End COMPLETED with this output: signals left over are DEAD, timers CANCELLED."""

    def begin_compensation(
        self, claim: Claim, ending: ExecutionStatus, error: ErrorRecord | None
    ) -> None:
        """RUNNING becomes COMPENSATING, on the way to `ending` (FAILED or CANCELLED).

        The lease goes on. Pending timers are CANCELLED; pending signals EXPIRED if the ending is
        CANCELLED or the error's code is `expired`, else DEAD. The claim's status is updated.
        """

    def record_undo(self, claim: Claim, undo: Checkpoint, undone: Checkpoint) -> None:
        """Close an undo as COMPLETED and mark the checkpoint it undid COMPENSATED, in one commit.

        What was undone takes the undo's epoch, so that a later epoch does the step again.
        """

    def run_atomic_undo(
        self, claim: Claim, undo: Checkpoint, undone: Checkpoint, action: Callable[[], Checkpoint]
    ) -> Checkpoint:
        """Run an undo in one transaction with both writes of `record_undo`; see `run_atomic`."""

    def finish(self, claim: Claim, status: ExecutionStatus, error: ErrorRecord | None) -> None:
        """End FAILED or CANCELLED: signals and timers as `begin_compensation` leaves them."""

    def park(self, claim: Claim, reason: ParkReason, error: ErrorRecord) -> None:
        """Stop as PARKED with no alarm until a person retries or cancels. Signals stay."""

    def pause(self, claim: Claim) -> None:
        """Stop as PAUSED with no alarm, because a pause was requested. Signals and timers stay."""

    # --- housekeeping ---

    def delete_finished(
        self, *, before: datetime, statuses: Collection[ExecutionStatus], limit: int
    ) -> int:
        """Delete up to `limit` executions that ended before then, with all that is theirs."""

    def count_finished(self, *, before: datetime, statuses: Collection[ExecutionStatus]) -> int:
        """Return how many executions `delete_finished` would delete if called until it has done."""
