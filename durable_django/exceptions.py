"""Every failure this package names, as one tree.

DurableError
├── ConfigurationError              a setting or the wiring is wrong
├── DefinitionError                 a workflow, name or option is not legal
│   └── ScheduleError               ... because a schedule cannot tick like that
├── UnknownWorkflowError            no workflow is registered under this name (and version)
├── ExecutionNotFoundError          no execution has this id
├── StepNotFoundError               the execution has no such step to fork from
├── TimerNotFoundError              the execution has no pending timer of this name
├── TaskNotFoundError               no human task has this id
├── TaskClaimedError                the human task is somebody else's
├── TaskOverError                   the human task was completed, cancelled or ran out of time
├── TaskForbiddenError              this user may not have or complete the human task
├── FieldErrors                     an answer does not fit what the human task asks
├── ScheduleNotFoundError           no schedule has this name
├── ScheduleExistsError             a schedule has this name already
├── ScheduleDefinedInCodeError      the schedule is changed in the code, and only there
├── ExecutionKeyConflictError       the key is taken: by another input, or for on_conflict="raise"
├── InvalidTransitionError          the execution's status does not allow the act
├── ResultTimeoutError              the execution did not end within the time given
├── WorkflowFailedError             the execution ended FAILED (or needs a person: PARKED)
├── WorkflowCancelledError          the execution ended CANCELLED
├── StepFailedError                 a step failed for good
│   ├── StepTimeoutError            ... because its last attempt took too long
│   └── UnknownOutcomeError         ... because a crash hid whether an at-most-once action ran
├── SignalTimeoutError              no signal arrived in time
├── TaskTimeoutError                nobody completed the human task in time
├── TaskCancelledError              the human task was cancelled by a person
├── WaitTimeoutError                not all of several things came in time
├── PollTimeoutError                a check did not say yes in time
├── ChildFailedError                a child execution did not complete
│   ├── ChildCancelledError         ... because it was cancelled
│   └── ChildTimeoutError           ... in time, and was cancelled
├── ChildDepthError                 an execution would have too many ancestors
├── ParallelFailedError             no branch of a group succeeded
├── BranchDroppedError              a branch has no result: its group was decided without it
├── MapFailedError                  more items of a map failed than are tolerated
├── PayloadError                    a value cannot be stored or read back as JSON
├── NonDeterminismError             the body no longer does what its checkpoints say
├── DurableCallError                a durable call stands where none may be
├── CheckpointNotCommittedError     a transaction ended without committing, and said nothing
├── Terminal                        raised by an action: do not try again
└── RetryAfter                      raised by an action: try again after this long
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any


class DurableError(Exception):
    """Anything durable_django raises on purpose."""


class ConfigurationError(DurableError):
    """A setting or the wiring of the app is wrong; the message says which and what to do."""


class DefinitionError(DurableError, ValueError):
    """A workflow, a name or an option given in code is not legal."""


class ScheduleError(DefinitionError):
    """A schedule's cron, interval, time zone, policy or input is not legal.

    `field` names what is wrong, as the options of `schedules.create` do.
    """

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        super().__init__(problem)


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


class TaskNotFoundError(DurableError):
    """No human task has this id."""

    def __init__(self, task_id: object) -> None:
        self.task_id = task_id
        super().__init__(f"There is no human task {task_id}.")


class TaskClaimedError(DurableError):
    """The task is somebody else's now, or (with an empty `by`) nobody's."""

    def __init__(self, task_id: object, by: str, at: datetime | None = None) -> None:
        self.task_id = task_id
        self.by = by
        self.at = at
        if by:
            since = f" since {at:%Y-%m-%d %H:%M} UTC" if at else ""
            whose = f"has been {by}'s{since}"
            remedy = "Claim it once it is released, or have it reassigned."
        else:
            whose, remedy = "is nobody's now", "Claim it first."
        super().__init__(f"Task {task_id} {whose}; nothing was changed. {remedy}")


class TaskOverError(DurableError):
    """The task is over: it was completed or cancelled, or its time was up. Nothing was changed."""

    def __init__(
        self, task_id: object, status: str, by: str = "", at: datetime | None = None
    ) -> None:
        self.task_id = task_id
        #: "completed", "cancelled" or "expired".
        self.status = str(status)
        #: Who completed or cancelled it; empty if its execution withdrew it, or its time was up.
        self.by = by
        self.at = at
        when = f" at {at:%Y-%m-%d %H:%M} UTC" if at else ""
        if self.status == "expired":
            what = f"ran out of time{when}"
        elif by:
            what = f"was already {self.status} by {by}{when}"
        else:
            what = f"was withdrawn by its execution{when}"
        super().__init__(f"Task {task_id} {what}. Nothing was changed.")


class TaskForbiddenError(DurableError):
    """This user may not have, or not complete, the task; nothing was changed."""

    def __init__(self, task_id: object, user: str, why: str) -> None:
        self.task_id = task_id
        self.user = user
        #: Such as "the four-eyes rule excludes them".
        self.why = why
        super().__init__(f"Task {task_id} is not {user!r}'s to do: {why}.")


class FieldErrors(DurableError, ValueError):  # noqa: N818 -- several, one or more to a field
    """An answer does not fit what was asked; nothing was changed."""

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        #: What is wrong, by the name of the field.
        self.errors = {name: list(messages) for name, messages in errors.items()}
        told = "; ".join(f"{name}: {' '.join(said)}" for name, said in self.errors.items())
        super().__init__(f"The answer does not fit: {told}")


class ScheduleNotFoundError(DurableError):
    """No schedule has this name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"There is no schedule {name!r}.")


class ScheduleExistsError(DurableError):
    """A schedule has this name already."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"There is a schedule {name!r} already. Change that one, or choose another name."
        )


class ScheduleDefinedInCodeError(DurableError):
    """The schedule is the code's: people enable, disable, trigger and backfill it, and no more."""

    def __init__(self, name: str, act: str) -> None:
        self.name = name
        self.act = act
        super().__init__(
            f"Schedule {name!r} is defined in the code and cannot be {act} here: change "
            f"@workflow(schedule=…), or disable it."
        )


class ExecutionKeyConflictError(DurableError):
    """The key belongs to an earlier start of the same workflow, and this start cannot have it.

    Because its input is another one or, with `wants_new`, because it would not take the earlier
    execution for its own; or because a parent `awaits` it, which would not hear of the other's end.
    """

    def __init__(
        self,
        workflow: str,
        key: str,
        execution_id: object,
        *,
        wants_new: bool = False,
        awaits: bool = False,
    ) -> None:
        self.workflow = workflow
        self.key = key
        self.execution_id = execution_id
        self.wants_new = wants_new
        self.awaits = awaits
        belongs = f"Key {key!r} of workflow {workflow!r} belongs to execution {execution_id}"
        if awaits:
            told = (
                ", which is no child of this call: it would not hear of its end. Use another key, "
                "or on_conflict='replace' or 'queue'."
            )
        elif wants_new:
            told = ", and the start wants a new one. Use another key, or on_conflict='return'."
        else:
            told = (
                ", which was started with another input. Use another key, or start it with the "
                "same input."
            )
        super().__init__(f"{belongs}{told}")


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


class TaskTimeoutError(DurableError):
    """Nobody completed the human task in time."""

    def __init__(self, execution_id: object, name: str, step: str = "") -> None:
        self.execution_id = execution_id
        self.name = name
        self.step = step or name
        super().__init__(
            f"Execution {execution_id} asked {name!r} and nobody answered in time. To go on "
            f"without an answer, give the task a default."
        )


class TaskCancelledError(DurableError):
    """A person cancelled the human task that the workflow waits for."""

    def __init__(self, execution_id: object, name: str, why: str = "", step: str = "") -> None:
        self.execution_id = execution_id
        self.name = name
        #: Who cancelled it, and the reason they gave.
        self.why = why
        self.step = step or name
        told = f" {why}" if why else ""
        super().__init__(f"Task {name!r} of execution {execution_id} was cancelled{told}.")


class WaitTimeoutError(DurableError):
    """Not all of several things came in time."""

    def __init__(self, name: str, received: Mapping[str, Any], missing: tuple[str, ...]) -> None:
        self.name = name
        #: What came, by name.
        self.received = dict(received)
        self.missing = missing
        super().__init__(f"{name!r} waited in vain for {', '.join(missing)}.")


class PollTimeoutError(DurableError):
    """A check did not say yes in time."""

    def __init__(self, execution_id: object, name: str) -> None:
        self.execution_id = execution_id
        self.name = name
        super().__init__(
            f"Execution {execution_id} polled {name!r}, and it was never true in time."
        )


class ChildFailedError(DurableError):
    """A child execution ended without a result."""

    outcome = "failed"

    def __init__(self, name: str, execution_id: object, error_type: str, message: str) -> None:
        self.name = name
        self.execution_id = execution_id
        self.error_type = error_type
        self.message = message
        super().__init__(f"Child {name!r} ({execution_id}) {self.outcome}: {error_type}: {message}")


class ChildCancelledError(ChildFailedError):
    """A child execution was cancelled."""

    outcome = "was cancelled"


class ChildTimeoutError(ChildFailedError):
    """A child execution did not end in time, and was cancelled."""

    outcome = "did not end in time and was cancelled"


class ChildDepthError(DurableError):
    """An execution would have more ancestors than an execution may have."""

    def __init__(self, execution_id: object, name: str, most: int) -> None:
        self.execution_id = execution_id
        self.name = name
        super().__init__(
            f"Execution {execution_id} cannot start {name!r}: it would have more than {most} "
            f"ancestors. Does a workflow start itself without an end?"
        )


class ParallelFailedError(DurableError):
    """No branch of a group that needed one to succeed did."""

    def __init__(self, name: str, errors: Mapping[str, Exception]) -> None:
        self.name = name
        #: By branch.
        self.errors = dict(errors)
        listed = "; ".join(f"{branch}: {error}" for branch, error in errors.items())
        super().__init__(f"All branches of {name!r} failed. {listed}"[:1000])


class BranchDroppedError(DurableError):
    """A branch has no result, because its group was decided without it."""

    def __init__(self, group: str, branch: str) -> None:
        self.group = group
        self.branch = branch
        super().__init__(
            f"Branch {branch!r} of {group!r} has no result: the group was decided without it."
        )


class MapFailedError(DurableError):
    """More items of a map failed than are tolerated."""

    def __init__(self, name: str, failed: int, total: int, errors: Mapping[str, str]) -> None:
        self.name = name
        self.failed = failed
        self.total = total
        #: The first of them, by item.
        self.errors = dict(errors)
        listed = "; ".join(f"{item}: {error}" for item, error in errors.items())
        super().__init__(f"{failed} of {total} items of {name!r} failed. {listed}"[:1000])


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
