from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from durable_django.control.explaining.explanation import Explanation, explain
from durable_django.domain.principals import principals_of
from durable_django.domain.status import ExecutionStatus, TaskStatus, WaitKind
from durable_django.domain.task import Task
from tests.control.records import Records, at, records

NOW = 7200
EVAS: dict[str, Any] = {"assignee": "eva", "status": TaskStatus.CLAIMED, "claimed_at": at(60)}


def waiting(**fields: Any) -> Records:
    known = {"waiting_kind": WaitKind.TASK, "waiting_for": "approve", "wake_at": None}
    return records(ExecutionStatus.SUSPENDED, **(known | fields))


def asked(stored: Records, **fields: Any) -> Task:
    task = Task(
        id=UUID(int=7),
        execution_id=stored.execution.id,
        key="approve",
        name="approve",
        title="Approve refund",
        created_at=at(5),
        updated_at=at(5),
    )
    return replace(task, **fields)


def tell(stored: Records, *tasks: Task, **options: Any) -> Explanation:
    return explain(*stored.all, at(NOW), tasks=tasks, **options)


def facts(explanation: Explanation) -> dict[str, str]:
    return {fact.code: fact.value for fact in explanation.facts}


def test_who_has_it_and_since_when_is_said() -> None:
    stored = waiting()

    said = tell(stored, asked(stored, **EVAS))

    assert said.headline == "Waits for eva: Approve refund"
    assert said.reason == "Task approve is eva's since 2026-03-02 09:01:00 UTC."
    assert said.next == "Its completion."
    assert "Ask eva" in said.advice
    assert (said.since, said.until, said.is_late) == (at(5), None, False)
    assert facts(said)["task_id"] == str(UUID(int=7))
    assert facts(said)["task_assignee"] == "eva"


def test_whom_it_is_offered_to_is_said() -> None:
    stored = waiting()

    said = tell(stored, asked(stored, candidates=principals_of(["bob", "group:hr"])))

    assert said.headline == "Waits for somebody: Approve refund"
    assert "offered to bob and group:hr" in said.reason or "bob, group:hr" in said.reason
    assert "everybody" in tell(stored, asked(stored)).reason


def test_who_delegated_it_is_said() -> None:
    stored = waiting()

    said = tell(stored, asked(stored, owner="boss", **EVAS))

    assert "delegated by boss to eva" in said.reason


def test_what_is_overdue_is_late() -> None:
    stored = waiting()

    late = tell(stored, asked(stored, due_at=at(0), **EVAS))
    soon = tell(stored, asked(stored, due_at=at(NOW + 60), **EVAS))

    assert "It is overdue by 2 h." in late.reason
    assert (late.is_late, soon.is_late) == (True, False)
    assert "It is due 2026-03-02 11:01:00 UTC." in soon.reason


def test_what_happens_if_nobody_does_it_is_said() -> None:
    timed, mortal = waiting(wake_at=at(9000)), waiting(wake_at=at(9000), expires_at=at(9000))

    by_timeout = tell(timed, asked(timed, expires_at=at(9000)))
    by_ttl = tell(mortal, asked(mortal))

    assert "the timeout 2026-03-02 11:30:00 UTC" in by_timeout.next
    assert "time to live" in by_ttl.next
    assert by_timeout.until == by_ttl.until == at(9000)


def test_a_reminder_in_the_future_is_no_end() -> None:
    stored = waiting(wake_at=at(9000))

    said = tell(stored, asked(stored, remind_at=at(9000), reminders=2, escalated_at=at(60)))

    assert said.until is None
    assert facts(said)["task_reminders"] == "2"
    assert "It was escalated" in said.reason


def test_without_its_task_it_still_waits_for_a_person() -> None:
    stored = waiting()
    other = asked(stored, key="approve#2")
    over = asked(stored, status=TaskStatus.COMPLETED)

    for tasks in ((), (other,), (over,)):
        said = tell(stored, *tasks)
        assert said.headline == "Waits for a person: approve"
        assert "task_id" not in facts(said)


def test_once_it_is_answered_a_worker_takes_it() -> None:
    stored = waiting(wake_at=at(NOW - 1))

    said = tell(stored, asked(stored, status=TaskStatus.COMPLETED))

    assert said.headline == "Due now"
    assert "Its task approve is answered" in said.reason


def test_a_title_passes_the_redaction() -> None:
    stored = waiting()

    said = tell(stored, asked(stored), describe_error=lambda _text: "•••")

    assert said.headline == "Waits for somebody: •••"
