"""Every failure this package names, as one tree.

DurableError
├── ConfigurationError              a setting or the wiring is wrong
├── DefinitionError                 a workflow, name or option is not legal
├── UnknownWorkflowError            no workflow is registered under this name (and version)
├── ExecutionNotFoundError          no execution has this id
├── StepNotFoundError               the execution has no such step to fork from
├── TimerNotFoundError              the execution has no pending timer of this name
├── ExecutionKeyConflictError       the key is taken by a start with another input
├── InvalidTransitionError          the execution's status does not allow the act
├── ResultTimeoutError              the execution did not end within the time given
├── WorkflowFailedError             the execution ended FAILED (or needs a person: PARKED)
├── WorkflowCancelledError          the execution ended CANCELLED
├── StepFailedError                 a step failed for good
│   ├── StepTimeoutError            ... because its last attempt took too long
│   └── UnknownOutcomeError         ... because a crash hid whether an at-most-once action ran
├── SignalTimeoutError              no signal arrived in time
├── PayloadError                    a value cannot be stored or read back as JSON
├── NonDeterminismError             the body no longer does what its checkpoints say
├── DurableCallError                a durable call stands where none may be
├── CheckpointNotCommittedError     a transaction ended without committing, and said nothing
├── Terminal                        raised by an action: do not try again
└── RetryAfter                      raised by an action: try again after this long
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any


class DurableError(Exception):
    """Anything durable_django raises on purpose."""


class ConfigurationError(DurableError):
    """A setting or the wiring of the app is wrong; the message says which and what to do."""


class DefinitionError(DurableError, ValueError):
    """A workflow, a name or an option given in code is not legal."""


class UnknownWorkflowError(DurableError):
    """No workflow is registered under this name (and version) in this process."""

    def __init__(self, name: str, version: int | None = None, known: tuple[str, ...] = ()) -> None:
        self.name = name
        self.version = version
        label = name if version is None else f"{name} version {version}"
        listed = f" Known here: {', '.join(known)}." if known else ""
        super().__init__(
            f"No workflow {label!r} is registered. Is its module imported "
            f"(a workflows.py in an installed app is found by itself)?{listed}"
        )


class ExecutionNotFoundError(DurableError):
    """No execution has this id."""

    def __init__(self, execution_id: object) -> None:
        self.execution_id = execution_id
        super().__init__(f"There is no execution {execution_id}.")


class StepNotFoundError(DurableError):
    """The execution has recorded no step under this key."""

    def __init__(self, execution_id: object, step: str, known: tuple[str, ...]) -> None:
        self.execution_id = execution_id
        self.step = step
        self.known = known
        listed = ", ".join(known) or "none"
        super().__init__(
            f"Execution {execution_id} has recorded no step {step!r}. Recorded are: {listed}."
        )


class TimerNotFoundError(DurableError):
    """No timer is pending under this key, and no retry is put off."""

    def __init__(self, execution_id: object, key: str) -> None:
        self.execution_id = execution_id
        self.key = key
        super().__init__(
            f"Execution {execution_id} has no pending timer {key!r}, and no retry of it is put off."
        )


class ExecutionKeyConflictError(DurableError):
    """The key belongs to an earlier start of the same workflow with another input."""

    def __init__(self, workflow: str, key: str, execution_id: object) -> None:
        self.workflow = workflow
        self.key = key
        self.execution_id = execution_id
        super().__init__(
            f"Key {key!r} of workflow {workflow!r} belongs to execution {execution_id}, which was "
            f"started with another input. Use another key, or start it with the same input."
        )


class InvalidTransitionError(DurableError):
    """The execution's status does not allow what was asked."""

    def __init__(
        self, execution_id: object, status: str, act: str, allowed: tuple[str, ...]
    ) -> None:
        self.execution_id = execution_id
        self.status = status
        self.act = act
        self.allowed = allowed
        super().__init__(
            f"Execution {execution_id} is {status.upper()} and cannot be {act}; "
            f"that needs {', '.join(allowed)}."
        )


class ResultTimeoutError(DurableError, TimeoutError):
    """The execution did not end within the time the caller would wait; it goes on."""

    def __init__(self, execution_id: object, waited: timedelta, status: str) -> None:
        self.execution_id = execution_id
        self.waited = waited
        self.status = status
        super().__init__(
            f"Execution {execution_id} is still {status.upper()} after {waited.total_seconds():g} s."
        )


class WorkflowFailedError(DurableError):
    """The execution ended FAILED, or is PARKED until a person decides."""

    def __init__(
        self, execution_id: object, error_type: str, message: str, *, reason: str = ""
    ) -> None:
        self.execution_id = execution_id
        self.error_type = error_type
        self.message = message
        self.reason = reason
        state = f"is PARKED ({reason})" if reason else "FAILED"
        super().__init__(f"Execution {execution_id} {state}: {error_type}: {message}")


class WorkflowCancelledError(DurableError):
    """The execution ended CANCELLED."""

    def __init__(self, execution_id: object, reason: str = "") -> None:
        self.execution_id = execution_id
        self.reason = reason
        why = f": {reason}" if reason else "."
        super().__init__(f"Execution {execution_id} was cancelled{why}")


class StepFailedError(DurableError):
    """A step failed for good: its attempts are spent, or its error says not to try again."""

    def __init__(self, step: str, error_type: str, message: str, attempts: int) -> None:
        self.step = step
        self.error_type = error_type
        self.message = message
        self.attempts = attempts
        super().__init__(
            f"Step {step!r} failed after {attempts} attempt{'s' * (attempts != 1)}: "
            f"{error_type}: {message}"
        )


class StepTimeoutError(StepFailedError):
    """A step failed for good, and its last attempt ran into its timeout."""


class UnknownOutcomeError(StepFailedError):
    """A crash left an at-most-once step begun and not ended: it may have run, or not."""


class SignalTimeoutError(DurableError):
    """No signal of this name arrived in time."""

    def __init__(self, execution_id: object, name: str, step: str = "") -> None:
        self.execution_id = execution_id
        self.name = name
        self.step = step or name
        super().__init__(
            f"Execution {execution_id} waited for signal {name!r} and none came in time."
        )


class PayloadError(DurableError, ValueError):
    """A value cannot be stored as JSON, or what is stored cannot be read back."""

    def __init__(self, what: str, problem: str) -> None:
        self.what = what
        self.problem = problem
        super().__init__(f"{what}: {problem}")


class NonDeterminismError(DurableError):
    """The body no longer makes the durable calls that its checkpoints record."""

    def __init__(self, execution_id: object, position: int, recorded: str, current: str) -> None:
        self.execution_id = execution_id
        self.position = position
        self.recorded = recorded
        self.current = current
        super().__init__(
            f"Execution {execution_id} recorded {recorded} at position {position}, and the code "
            f"now makes {current}. Restore the order of the durable calls, or register the "
            f"changed body as a new version."
        )


class DurableCallError(DurableError):
    """A durable call stands where none may be; the message says where and what to do."""


class CheckpointNotCommittedError(DurableError):
    """A transaction ended without committing and without an error.

    Django does this when code inside the block swallowed a database error, called
    `set_rollback(True)` or closed the connection; a connection that breaks is told the same way.
    Nothing of the block was stored.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(
            f"{what} did not commit: code inside its transaction swallowed a database error, "
            f"called set_rollback(True) or closed the connection, or the connection was lost. "
            f"Nothing of it was stored."
        )


class Terminal(DurableError):  # noqa: N818 -- a verb for authors: `raise Terminal("no such card")`
    """Raise it from an action: the step fails for good, whatever its retry policy says."""


class RetryAfter(DurableError):  # noqa: N818 -- a verb for authors: `raise RetryAfter(30)`
    """Raise it from an action: try again after this many seconds, if attempts are left."""

    def __init__(self, seconds: float | timedelta, *args: Any) -> None:
        self.delay = seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)
        if self.delay < timedelta(0):
            raise ValueError(f"RetryAfter needs a delay of 0 or more, not {seconds!r}.")
        super().__init__(
            *(args or (f"asked to be tried again in {self.delay.total_seconds():g} s",))
        )
