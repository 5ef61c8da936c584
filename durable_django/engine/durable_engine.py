"""DurableEngine: start executions, act on them, and advance those that are due."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from durable_django.codecs.tagged_json import TaggedJsonCodec
from durable_django.domain.claim import Claim
from durable_django.domain.definition import WorkflowDefinition
from durable_django.domain.event import CODE, Actor
from durable_django.domain.execution import Execution
from durable_django.domain.identifiers import check_queue
from durable_django.domain.retry_policy import RetryPolicy
from durable_django.domain.signal import Signal
from durable_django.domain.status import ExecutionStatus, Guarantee, WaitKind
from durable_django.domain.system_clock import SystemClock
from durable_django.domain.wait import Wait
from durable_django.domain.work_queue import QueueChange, QueueControl
from durable_django.engine.acting import Acts
from durable_django.engine.action_runner import ActionRunner, ThreadActionRunner
from durable_django.engine.branch_crew import BranchCrew
from durable_django.engine.broadcasting import Broadcasts
from durable_django.engine.error_recorder import ErrorRecorder
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.engine.execution_starter import ExecutionStarter
from durable_django.engine.execution_watcher import ExecutionWatcher
from durable_django.engine.family_runner import FamilyRunner
from durable_django.engine.lease_keeper import LeaseKeeper
from durable_django.engine.mismatch_policy import MismatchPolicy, mismatch_policy
from durable_django.engine.notifier import Notifier
from durable_django.engine.recovery_scanner import RecoveryReport, RecoveryScanner
from durable_django.engine.registry import Registry, default_registry
from durable_django.engine.serialization import Payloads
from durable_django.engine.slice_needs import SliceNeeds
from durable_django.engine.slice_outcome import SliceLimits, SliceOutcome
from durable_django.engine.slice_runner import SliceRunner
from durable_django.engine.start_request import StartOptions
from durable_django.engine.starting import bind_input, plain_subject
from durable_django.exceptions import ConfigurationError, DurableCallError, DurableError
from durable_django.ports.checkpoint_store import CheckpointStore, LeaseLost
from durable_django.ports.clock import Clock
from durable_django.ports.codec import Codec
from durable_django.ports.dispatcher import Dispatcher
from durable_django.ports.observer import Observer

logger = logging.getLogger(__name__)

#: Under so many limits executions are admitted at once by housekeeping.
_MOST_ADMITTED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Sizes and times of an engine."""

    lease: timedelta = timedelta(seconds=30)
    #: Whether leases are renewed by a thread; without one a slice may take one lease.
    renews_leases: bool = True
    limits: SliceLimits = field(default_factory=SliceLimits)
    undo_retry: RetryPolicy = field(default_factory=lambda: RetryPolicy.exponential(5))
    #: The most ancestors that an execution may have.
    max_child_depth: int = 20
    #: Whether tracebacks are stored with errors.
    stores_tracebacks: bool = False


class DurableEngine:
    """Runs durable workflows on a store. Knows no Django; may be used by many threads at once."""

    def __init__(  # noqa: PLR0913 -- the composition root hands every need in here, by name
        self,
        *,
        store: CheckpointStore,
        codec: Codec | None = None,
        clock: Clock | None = None,
        dispatcher: Dispatcher | None = None,
        observers: Iterable[Observer] = (),
        error_formatter: Callable[[BaseException], str] | None = None,
        on_step_mismatch: MismatchPolicy = "park",
        registry: Registry = default_registry,
        payloads: Payloads | None = None,
        options: EngineOptions | None = None,
        actions: ActionRunner | None = None,
        transaction_depth: Callable[[], int] = lambda: 0,
        on_thread_exit: Callable[[], object] | None = None,
        subject_of: Callable[[object], str] = plain_subject,
        branches: BranchCrew | None = None,
    ) -> None:
        self._options = options or EngineOptions()
        self.store = store
        self.clock: Clock = clock or SystemClock()
        self.registry = registry
        self.payloads = payloads or Payloads(codec or TaggedJsonCodec())
        #: Fresh per process, for people's eyes.
        self.owner = str(uuid.uuid4())
        self._dispatcher = dispatcher
        self._transaction_depth = transaction_depth
        self._on_thread_exit = on_thread_exit
        self._is_disposed = threading.Event()
        #: What is done to executions from outside, each act with its event.
        self.acts = Acts(
            store,
            self.payloads,
            registry,
            wake=None if dispatcher is None else dispatcher.wake,
            transaction_depth=transaction_depth,
        )
        #: What is told to all who wait for it.
        self.broadcasts = Broadcasts(store, self.payloads, self._wake)
        self._starter = ExecutionStarter(
            store, self.payloads, self.clock, wake=self._wake, subject_of=subject_of
        )
        self._watcher = ExecutionWatcher(store, self.clock, self.payloads, transaction_depth)
        self.leases = LeaseKeeper(
            store,
            self._options.lease,
            renews=self._options.renews_leases,
            on_thread_exit=on_thread_exit,
        )
        self._branches = branches or BranchCrew()
        needs = SliceNeeds(
            store=store,
            clock=self.clock,
            payloads=self.payloads,
            actions=actions or ThreadActionRunner(on_thread_exit),
            errors=ErrorRecorder(error_formatter, tracebacks=self._options.stores_tracebacks),
            notifier=Notifier(observers),
            may_begin=self.leases.may_begin,
            transaction_depth=transaction_depth,
            undo_retry=self._options.undo_retry,
            branches=self._branches,
            wake=self._wake,
            plan_child=self._starter.plan_child,
            max_depth=self._options.max_child_depth,
        )
        self._slices = SliceRunner(
            needs, registry, self._options.limits, mismatch_policy(on_step_mismatch)
        )

    # --- starting ---

    def start_many(
        self,
        definition: WorkflowDefinition,
        inputs: Iterable[tuple[tuple[Any, ...], Mapping[str, Any]]],
        options: StartOptions,
    ) -> list[ExecutionHandle[Any]]:
        """Start one execution per pair of args and kwargs; see `StartRequest.start`."""
        bound = [bind_input(definition, args, kwargs) for args, kwargs in inputs]
        return self._insert(definition, bound, options)

    def start_by_name(
        self,
        name: str,
        workflow_input: Mapping[str, Any] | None = None,
        *,
        version: int | None = None,
        options: StartOptions | None = None,
        reason: str = "",
        by: Actor = CODE,
    ) -> ExecutionHandle[Any]:
        """Start an execution of a registered workflow with arguments by name.

        Raises:
            UnknownWorkflowError: This process does not know the workflow or the version.
            TypeError: The arguments do not fit it.
        """
        definition = self.registry.load(name, version)
        pair: tuple[tuple[Any, ...], Mapping[str, Any]] = ((), workflow_input or {})

        def start() -> ExecutionHandle[Any]:
            handle = self.start_many(definition, [pair], options or StartOptions())[0]
            if handle.is_new and by != CODE:
                self.acts.note_start(handle.execution, by, reason)
            return handle

        return start() if by == CODE else self.store.transact(start)

    def _insert(
        self, definition: WorkflowDefinition, inputs: list[Any], options: StartOptions
    ) -> list[ExecutionHandle[Any]]:
        self._check_alive()
        rows = self._starter.start(definition, inputs, options)
        return [ExecutionHandle(self, row, is_new=is_new) for row, is_new in rows]

    # --- running here ---

    def run(
        self,
        name: str,
        body: Callable[..., Any],
        *,
        input: Any = None,  # noqa: A002 -- the seed systems' name
        ttl: timedelta | None = None,
        guarantee: Guarantee = Guarantee.FOREGROUND,
        timeout: timedelta | None = None,
    ) -> Any:
        """Register `body(ctx)` under `name`, start it with `input` and advance it to its end here.

        The body finds the input as `ctx.input`. See `run_to_end` for what is raised.
        """
        definition = WorkflowDefinition(
            name=name, version=1, body=body, takes_raw_input=True, ttl=ttl, guarantee=guarantee
        )
        self.registry.replace(definition)
        return self._run_here(definition, input, StartOptions(), timeout)

    def run_to_end(
        self,
        definition: WorkflowDefinition,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        options: StartOptions,
        timeout: timedelta | None,
    ) -> Any:
        """Start an execution, advance it in this thread, and return its result.

        Raises:
            WorkflowFailedError: It ended FAILED, or is PARKED.
            WorkflowCancelledError: It ended CANCELLED.
            ResultTimeoutError: It did not end in time; it goes on.
            DurableCallError: A transaction is open here: a slice could not commit.
        """
        workflow_input = bind_input(definition, args, kwargs)
        return self._run_here(definition, workflow_input, options, timeout)

    def _run_here(
        self,
        definition: WorkflowDefinition,
        workflow_input: Any,
        options: StartOptions,
        timeout: timedelta | None,
    ) -> Any:
        if self._transaction_depth():
            raise DurableCallError(
                "run() was called inside transaction.atomic(), where no step could commit. "
                "Use start(), or call run() after the block."
            )
        handle = self._insert(definition, [workflow_input], options)[0]
        family = FamilyRunner(self.store, self.run_one)

        def advance(execution_id: UUID) -> object | None:
            outcome = family.advance(execution_id)
            if outcome is None:
                # It may be held back until a time that only housekeeping minds: there need be no
                # worker that does it.
                self.store.admit_waiting(_MOST_ADMITTED)
            return outcome

        return self.result_of(self._watcher.wait_for_end(handle.id, timeout, advance))

    # --- queues ---

    def change_queue(self, name: str, change: QueueChange) -> QueueControl:
        """Change a queue's control, in the caller's transaction, and have workers look into it.

        Raises:
            DefinitionError: The name is not legal.
        """
        control = self.store.change_queue(check_queue(name), change)
        self._wake(name)
        return control

    # --- acting on an execution ---

    def send_signal(
        self,
        execution_id: UUID,
        name: str,
        payload: Any = None,
        *,
        dedupe_key: str | None = None,
        by: Actor = CODE,
    ) -> Signal:
        """Send a signal, in the caller's transaction; see `client.signal`."""
        self._check_alive()
        return self.acts.send_signal(execution_id, name, payload, dedupe_key=dedupe_key, by=by)[0]

    def cancel(self, execution_id: UUID, *, reason: str = "", compensate: bool = True) -> bool:
        """Ask for the execution to be cancelled; see `client.cancel`."""
        return self.acts.cancel(execution_id, reason=reason, compensate=compensate)

    def pause(self, execution_id: UUID) -> bool:
        """Ask for the execution to be paused; see `client.pause`."""
        return self.acts.pause(execution_id)

    def resume(self, execution_id: UUID) -> bool:
        """Let a paused execution go on; see `client.resume`."""
        return self.acts.resume(execution_id)

    def retry(self, execution_id: UUID) -> ExecutionStatus:
        """Let a FAILED or PARKED execution run again; see `client.retry`."""
        return self.acts.retry(execution_id)

    # --- looking ---

    def get(self, execution_id: UUID) -> ExecutionHandle[Any]:
        """Return a handle on the execution.

        Raises:
            ExecutionNotFoundError: No such execution.
        """
        return ExecutionHandle(self, self.store.load_execution(execution_id))

    def find(self, workflow_name: str, key: str) -> ExecutionHandle[Any] | None:
        """Return a handle on the workflow's execution with this key, if there is one."""
        execution = self.store.find_execution_by_key(workflow_name, key)
        return None if execution is None else ExecutionHandle(self, execution)

    def load_execution(self, execution_id: UUID) -> Execution:
        """See `CheckpointStore.load_execution`."""
        return self.store.load_execution(execution_id)

    def observe(self, execution_id: UUID, timeout: timedelta | None = None) -> Iterator[Execution]:
        """Yield its states as they change; see `ExecutionWatcher.observe`."""
        return self._watcher.observe(execution_id, timeout)

    def wait_for_end(self, execution_id: UUID, timeout: timedelta | None) -> Execution:
        """Return it once it has ended; see `ExecutionWatcher.wait_for_end`."""
        return self._watcher.wait_for_end(execution_id, timeout)

    async def await_end(self, execution_id: UUID, limit: timedelta | None) -> Execution:
        """Do the same without holding a thread; see `ExecutionWatcher.await_end`."""
        return await self._watcher.await_end(execution_id, limit)

    def result_of(self, execution: Execution) -> Any:
        """Return an ended execution's result, or raise; see `ExecutionWatcher.result_of`."""
        return self._watcher.result_of(execution)

    # --- advancing ---

    def claim(self, queue: str = "default", limit: int = 1) -> list[Claim]:
        """Claim up to `limit` due executions of `queue`, and keep their leases."""
        self._check_alive()
        begun = time.monotonic()
        claims = self.store.claim_due(queue, limit, self._options.lease, self.owner)
        self.leases.hold(claims, begun)
        return claims

    def run_claim(self, claim: Claim) -> SliceOutcome:
        """Advance a claimed execution by one slice, and let go of its lease."""
        try:
            return self._slices.run(claim)
        finally:
            self.leases.drop(claim)
            self._watcher.note_slice_ended()

    def run_one(self, execution_id: UUID) -> SliceOutcome | None:
        """Claim this execution and advance it by one slice; None if it is not due."""
        self._check_alive()
        begun = time.monotonic()
        claim = self.store.claim_one(execution_id, self._options.lease, self.owner)
        if claim is None:
            return None
        self.leases.hold([claim], begun)
        return self.run_claim(claim)

    def give_back(self, claim: Claim) -> None:
        """Release a claim on which nothing was begun; it is due at once."""
        try:
            self.store.release(claim, Wait(kind=WaitKind.YIELD, after=timedelta(0)))
        finally:
            self.leases.drop(claim)

    def advance(self, queue: str = "default", limit: int = 1) -> list[SliceOutcome]:
        """Claim up to `limit` due executions and advance each by one slice, one after the other."""
        unbegun = deque(self.claim(queue, limit))
        outcomes = []
        try:
            while unbegun:
                outcomes.append(self.run_claim(unbegun.popleft()))
        finally:
            for claim in unbegun:  # what stopped this process must not cost them a lease
                with suppress(Exception, LeaseLost):
                    self.give_back(claim)
        return outcomes

    def drain(self, queues: Collection[str] = ("default",), limit: int = 10_000) -> int:
        """Advance until nothing is due; return how many slices ran.

        Raises:
            DurableError: More than `limit` slices ran: something keeps making work.
        """
        count = 0
        while True:
            before = count
            self.store.admit_waiting(_MOST_ADMITTED)
            for queue in queues:
                count += len(self.advance(queue, 20))
            if count == before:
                return count
            if count > limit:
                raise DurableError(f"Still not idle after {count} slices.")

    def recover(self, queues: Collection[str] = ("default",), limit: int = 1000) -> RecoveryReport:
        """Set moving what stopped; see `RecoveryScanner.scan`."""
        return RecoveryScanner(store=self.store, engine=self).scan(queues=queues, limit=limit)

    # --- the engine's own life ---

    def leave_thread(self) -> None:
        """Let go of what the calling thread holds, such as connections: it is about to end."""
        if self._on_thread_exit is not None:
            self._on_thread_exit()

    def dispose(self) -> None:
        """Stop: refuse new work and end the threads. Executions stay as they are, resumable.

        A second call does nothing.
        """
        self._is_disposed.set()
        self.leases.close()
        self._branches.close()

    def _check_alive(self) -> None:
        if self._is_disposed.is_set():
            raise ConfigurationError("This engine was disposed of; make a new one.")

    def _wake(self, queue: str) -> None:
        if self._dispatcher is not None:
            self._dispatcher.wake(queue)
