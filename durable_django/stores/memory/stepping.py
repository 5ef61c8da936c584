"""What a slice records of its steps and of their undoing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.status import CheckpointStatus, Interrupt
from durable_django.ports.checkpoint_store import LeaseLost
from durable_django.stores.memory.tables import MemoryTables, Record


class Stepping(MemoryTables):
    """Intents, outcomes, atomic steps, undos, progress."""

    def record_intent(
        self, claim: Claim, checkpoint: Checkpoint, *, must_survive: bool = False
    ) -> Interrupt | None:
        # Nothing here survives its process, however much it must.
        with self._lock:
            record = self._fenced(claim)
            now = self.now()
            if interrupt := record.interrupt_at(now):
                return interrupt
            record.insert_checkpoint(replace(checkpoint, started_at=checkpoint.started_at or now))
            return None

    def record_outcome(self, claim: Claim, checkpoint: Checkpoint) -> None:
        with self._lock:
            close(self._fenced(claim), checkpoint, self.now())

    def run_atomic(
        self, claim: Claim, checkpoint: Checkpoint, action: Callable[[], Checkpoint]
    ) -> Checkpoint | Interrupt:
        # There is no transaction to put the action in, so nothing it did is rolled back: it is
        # asked for only if it may begin, and its checkpoint is written only if it still may.
        with self._lock:
            if interrupt := self._fenced(claim).interrupt_at(self.now()):
                return interrupt
        done = action()
        with self._lock:
            record = self._fenced(claim)
            now = self.now()
            if interrupt := record.interrupt_at(now):
                return interrupt
            record.insert_checkpoint(ended(done, now))
            return done

    def record_undo(self, claim: Claim, undo: Checkpoint, undone: Checkpoint) -> None:
        with self._lock:
            record = self._fenced(claim)
            stored = record.checkpoints.get((undone.key, undone.attempt))
            if stored is None or stored.status is CheckpointStatus.COMPENSATED:
                raise LeaseLost(claim.execution_id)
            close(record, undo, self.now())
            record.checkpoints[stored.key, stored.attempt] = replace(
                stored, status=CheckpointStatus.COMPENSATED
            )

    def run_atomic_undo(
        self, claim: Claim, undo: Checkpoint, undone: Checkpoint, action: Callable[[], Checkpoint]
    ) -> Checkpoint:
        with self._lock:
            self._fenced(claim)
        done = action()
        self.record_undo(claim, done, undone)
        return done

    def record_progress(self, claim: Claim, progress: dict[str, object]) -> None:
        with self._lock:
            self._fenced(claim).update(self.now(), progress=dict(progress))


def ended(checkpoint: Checkpoint, now: datetime) -> Checkpoint:
    """Return it with the instants that it left to the store."""
    return replace(
        checkpoint,
        started_at=checkpoint.started_at or now,
        completed_at=checkpoint.completed_at or now,
    )


def close(record: Record, checkpoint: Checkpoint, now: datetime) -> None:
    """Close the attempt's open intent, or insert the outcome if there is none."""
    check_open(record, checkpoint)
    place = (checkpoint.key, checkpoint.attempt)
    stored = record.checkpoints.get(place)
    if stored is None:
        record.insert_checkpoint(ended(checkpoint, now))
        return
    record.checkpoints[place] = replace(
        stored,
        status=checkpoint.status,
        output=checkpoint.output,
        error=checkpoint.error,
        is_final=checkpoint.is_final,
        retry_at=checkpoint.retry_at,
        completed_at=checkpoint.completed_at or now,
    )


def check_open(record: Record, checkpoint: Checkpoint) -> None:
    """Refuse to write the outcome of an attempt that has one already."""
    stored = record.checkpoints.get((checkpoint.key, checkpoint.attempt))
    if stored is not None and stored.status is not CheckpointStatus.INTENT:
        raise LeaseLost(record.execution.id)
