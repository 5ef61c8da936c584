"""The chapter of human tasks of the store."""

from __future__ import annotations

from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.event import CODE, Actor
from durable_django.domain.status import Interrupt
from durable_django.domain.task import Principal, Task
from durable_django.domain.wait import Suspension
from durable_django.stores.orm import human_tasks, human_tasks_acts
from durable_django.stores.orm.database import Database


class OrmTaskStore:
    """Implements `TaskStore`."""

    _db: Database

    def claim_task(self, task_id: UUID, user: str, actor: Actor = CODE) -> Task:
        return human_tasks_acts.claim_task(self._db, task_id, user, actor)

    def release_task(
        self, task_id: UUID, user: str | None, actor: Actor = CODE, reason: str = ""
    ) -> Task:
        return human_tasks_acts.release_task(self._db, task_id, user, actor, reason)

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
        return human_tasks_acts.assign_task(
            self._db,
            task_id,
            to=to,
            owner=owner,
            expected_user=expected_user,
            actor=actor,
            reason=reason,
        )

    def complete_task(
        self, task_id: UUID, user: str, data: str, comment: str = "", actor: Actor = CODE
    ) -> Task:
        return human_tasks_acts.complete_task(self._db, task_id, user, data, comment, actor)

    def cancel_task(self, task_id: UUID, actor: Actor = CODE, reason: str = "") -> Task:
        return human_tasks_acts.cancel_task(self._db, task_id, actor, reason)

    def load_task(self, task_id: UUID) -> Task:
        return human_tasks.load_task(self._db, task_id)

    def list_tasks(self, execution_id: UUID) -> list[Task]:
        return human_tasks.list_tasks(self._db, execution_id)

    def expire_task(self, claim: Claim, checkpoint: Checkpoint) -> Interrupt | Suspension:
        return human_tasks.expire_task(self._db, claim, checkpoint)

    def remind_task(self, claim: Claim, task_id: UUID) -> Interrupt | None:
        return human_tasks.remind_task(self._db, claim, task_id)

    def escalate_task(self, claim: Claim, task_id: UUID) -> Interrupt | None:
        return human_tasks.escalate_task(self._db, claim, task_id)
