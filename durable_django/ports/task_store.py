"""TaskStore: what executions ask of people, and what people do with it."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.event import CODE, Actor
from durable_django.domain.status import Interrupt
from durable_django.domain.task import Principal, Task
from durable_django.domain.wait import Suspension


class TaskStore(Protocol):
    """What a store does for human tasks.

    A task is opened by `suspend` or `open_waits`, with the open attempt of the call that asks,
    whose `idempotency_key` is the task's id; at most one is active per execution and key of a
    call: a second one raises `LeaseLost`. It becomes CANCELLED, by nobody, in the transaction in
    which its execution ends or begins to undo its steps, or goes on without it, and its comment
    says which; while the execution is PAUSED or PARKED it stays as it is and may be completed.

    Each act of a person writes its event too, and joins the caller's transaction; one that is
    refused writes nothing there and does not spoil it. An act that changes nothing writes no event.
    """

    # --- outside acts: in the caller's transaction, if there is one ---

    def claim_task(self, task_id: UUID, user: str, actor: Actor = CODE) -> Task:
        """Make an OPEN task this user's; who has it already keeps it.

        Whether the user is a candidate is the caller's to ask.

        Raises:
            TaskNotFoundError: No such task.
            TaskClaimedError: It is another user's.
            TaskForbiddenError: The four-eyes rule excludes the user.
            TaskOverError: It was completed or cancelled, or ran out of time.
        """

    def release_task(
        self, task_id: UUID, user: str | None, actor: Actor = CODE, reason: str = ""
    ) -> Task:
        """Make a task nobody's again: this user's, or with None whoever has it.

        Raises:
            TaskNotFoundError: No such task.
            TaskClaimedError: It is another user's.
            TaskOverError: It is over.
        """

    def assign_task(
        self,
        task_id: UUID,
        *,
        to: Principal | str,
        owner: str = "",
        expected_user: str | None = None,
        actor: Actor = CODE,
        reason: str = "",
    ) -> Task:
        """Give a task to a user, or offer it to a group alone (`"group:finance"`).

        With an `owner`, who delegates it, this is a delegation; else it is reassigned.

        Args:
            task_id: The task.
            to: Who gets it.
            owner: The user who delegates it.
            expected_user: Whose it has to be now: empty for nobody's, None for anybody's.
            actor: Who does it.
            reason: Why, in the actor's words.

        Raises:
            TaskNotFoundError: No such task.
            TaskClaimedError: It is not the expected user's.
            TaskForbiddenError: The four-eyes rule excludes the user it would go to.
            TaskOverError: It is over.
        """

    def complete_task(
        self, task_id: UUID, user: str, data: str, comment: str = "", actor: Actor = CODE
    ) -> Task:
        """Record the user's answer (encoded), and wake the execution if it waits for it.

        One of any number of completions succeeds. The timer of the call's timeout is CANCELLED. An
        execution that is PAUSED or PARKED goes on with the answer later.

        Raises:
            TaskNotFoundError: No such task.
            TaskForbiddenError: It is another user's, or the four-eyes rule excludes the user.
            TaskOverError: It is over; the error says by whom and since when.
        """

    def cancel_task(self, task_id: UUID, actor: Actor = CODE, reason: str = "") -> Task:
        """Withdraw the task, and wake the execution, whose call fails.

        Raises:
            TaskNotFoundError: No such task.
            TaskOverError: It is over.
        """

    # --- reading ---

    def load_task(self, task_id: UUID) -> Task:
        """Return the task.

        Raises:
            TaskNotFoundError: No such task.
        """

    def list_tasks(self, execution_id: UUID) -> list[Task]:
        """Return the execution's tasks, over or not, ordered by id: as they were asked."""

    # --- what a slice writes ---

    def expire_task(self, claim: Claim, checkpoint: Checkpoint) -> Interrupt | Suspension:
        """Close the attempt, mark the timer of its key FIRED and its active task EXPIRED.

        Returns SUSPENDED (read: done) when the timeout won. If the task is over already, or there
        is news that the claim has not seen, nothing is written, and SIGNALLED is returned: look
        at the task again.
        """

    def remind_task(self, claim: Claim, task_id: UUID) -> Interrupt | None:
        """Count a reminder that is due, and set the next one; its event is written too.

        The next is a whole number of intervals after the first, and not in the past. A task that
        is over, or whose reminder is not due, stays as it is.
        """

    def escalate_task(self, claim: Claim, task_id: UUID) -> Interrupt | None:
        """Offer a task whose escalation is due to those it escalates to; with its event.

        It becomes OPEN: who had it is a candidate like the others. A task that everybody may
        do stays so. One that is over, or whose escalation is not due, stays as it is.
        """
