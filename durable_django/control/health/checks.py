"""Judge single things about the installation: each is fine, or not, with what to do about it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from django.core.checks import CheckMessage
from django.db import connections

from durable_django.conf import DurableSettings
from durable_django.control.figures.bounded import MAX_COUNTED
from durable_django.control.health.queues import LATE_BY, Queue, Stray
from durable_django.control.health.workers import HeldExecution, Worker
from durable_django.control.wording import say_duration
from durable_django.stores.orm import health

#: Clocks that differ by more than this are worth a word.
LARGEST_SKEW = timedelta(seconds=5)
MAX_HELD = 50
MAX_NAMED = 5
#: How much later than promised a finished execution may still be there.
_RETENTION_SLACK = timedelta(days=2)


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """One thing that was looked at."""

    #: `database`, `workers`, `late`, …; or a system check's id, such as `durable_django.W011`.
    code: str
    level: Level
    summary: str
    detail: str = ""
    #: What to do; empty if nothing.
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is nothing to do."""
        return self.level is Level.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Unregistered:
    """Live executions of a workflow and version that this process has no code for."""

    workflow_name: str
    version: int
    count: int

    def __str__(self) -> str:
        """Return it for people: `3 executions need shop.order v2`."""
        noun, need = ("execution", "needs") if self.count == 1 else ("executions", "need")
        return f"{self.count} {noun} {need} {self.workflow_name} v{self.version}"


def look_at_clock(alias: str) -> tuple[HealthCheck, datetime]:
    """Return how the database answers and whether its clock is ours, and the clock."""
    begun, here = time.monotonic(), datetime.now(UTC)
    there = health.load_clock(alias)
    took = timedelta(seconds=time.monotonic() - begun)
    # The database read its clock some time while we waited: only what lies beyond is skew.
    skew = max(there - here - took, here - there, timedelta(0))
    if skew > LARGEST_SKEW:
        check = HealthCheck(
            code="clock",
            level=Level.WARNING,
            summary=f"Its clock and this machine's differ by {skew.total_seconds():.0f} s.",
            remedy="Nothing depends on it but the times you compare; let NTP set both.",
        )
    else:
        name = connections[alias].display_name
        check = _ok("database", f"{name}, {took.total_seconds() * 1000:.1f} ms")
    return check, there


def describe(message: CheckMessage) -> HealthCheck:
    """Return what a system check said."""
    return HealthCheck(
        code=message.id or "checks",
        level=Level.ERROR if message.is_serious() else Level.WARNING,
        summary=message.msg,
        detail=str(message.obj) if isinstance(message.obj, str) else "",
        remedy=message.hint or "",
    )


def judge_workers(workers: Sequence[Worker], *, has_work: bool) -> HealthCheck:
    """Say whether any worker is alive; none is an error only if there is work."""
    alive = [worker for worker in workers if worker.is_alive]
    lost = len(workers) - len(alive)
    if alive:
        noun = f"{len(alive)} alive" + (f", {lost} lost" if lost else "")
        return _ok("workers", noun, ", ".join(map(str, alive[:MAX_NAMED])))
    last = workers[0].beat_at if workers else None
    return HealthCheck(
        code="workers",
        level=Level.ERROR if has_work else Level.WARNING,
        summary="None is alive.",
        detail=f"The last was heard of at {_say(last)}." if last else "",
        remedy="Start `manage.py qcluster` or `manage.py durable_worker`.",
    )


def judge_held(held: Sequence[HeldExecution], now: datetime) -> HealthCheck:
    """Say what lost workers hold, and when it is recovered."""
    if not held:
        return _ok("leases", "no execution is held by a lost worker")
    ends = max((one.recovered_at for one in held if one.recovered_at), default=now)
    when = f"in {say_duration(ends - now)}" if ends > now else "as soon as a worker is free"
    is_one = len(held) == 1
    many = f"{MAX_HELD} or more" if len(held) == MAX_HELD else str(len(held))
    return HealthCheck(
        code="leases",
        level=Level.WARNING,
        summary=f"{many} execution{'' if is_one else 's'} held by lost workers.",
        detail=f"{'It is' if is_one else 'All are'} recovered {when}.",
        remedy="Nothing need be done if a worker is alive. Look for what killed the lost one.",
    )


def judge_queues(queues: Sequence[Queue]) -> HealthCheck:
    """Say which queues have late work."""
    late = [queue for queue in queues if queue.late]
    if not late:
        return _ok("late", f"nothing is overdue by more than {say_duration(LATE_BY)}")
    return HealthCheck(
        code="late",
        level=Level.ERROR,
        summary="; ".join(
            f"{_many(queue.late)} in queue {queue.name!r}"
            + ("" if queue.is_served else ", which no living worker serves")
            for queue in late[:MAX_NAMED]
        )
        + ".",
        detail=f"Since {_say(min(q.oldest_since for q in late if q.oldest_since))}.",
        remedy="Too few workers, none for this queue, or a cluster that hangs (restart it)? "
        "`durable_recover` takes them up now.",
    )


def judge_strays(strays: Sequence[Stray]) -> Iterator[HealthCheck]:
    """Say what no worker comes for, and what nothing would wake."""
    waiting = [stray for stray in strays if stray.due_at is not None]
    stuck = [stray for stray in strays if stray.due_at is None]
    if waiting:
        yield HealthCheck(
            code="foreground",
            level=Level.ERROR,
            summary=f"{len(waiting)} whose own process is gone; no worker comes for them.",
            detail=_name(waiting),
            remedy="`durable_recover` hands them to the workers.",
        )
    if stuck:
        yield HealthCheck(
            code="stuck",
            level=Level.ERROR,
            summary=f"{len(stuck)} will never be woken.",
            detail=_name(stuck),
            remedy="This must not happen: please report it, with `durable_show`. Pause and resume "
            "set one going again.",
        )
    else:
        yield _ok("stuck", "every live execution has something that wakes it")


def judge_parked(count: int) -> HealthCheck:
    """Say whether any execution needs a person."""
    if not count:
        return _ok("parked", "none needs a person")
    return HealthCheck(
        code="parked",
        level=Level.ERROR,
        summary=f"{_many(count)} {'needs' if count == 1 else 'need'} a person.",
        remedy="Open a parked execution: its page says why it stopped and what to do.",
    )


def judge_unregistered(unregistered: Sequence[Unregistered]) -> HealthCheck:
    """Say whether live executions need code that is not here."""
    if not unregistered:
        return _ok("workflows", "all live executions have their code here")
    return HealthCheck(
        code="workflows",
        level=Level.WARNING,
        summary="; ".join(f"{one}: not registered" for one in unregistered[:MAX_NAMED]) + ".",
        detail="They wait, and are parked in the end.",
        remedy="Keep a version's function registered until its executions have ended; or is a "
        "deployment still on its way?",
    )


def judge_retention(oldest: datetime | None, conf: DurableSettings, now: datetime) -> HealthCheck:
    """Say whether finished executions are deleted when they should be."""
    kept = timedelta(days=conf.retention_days)
    if oldest is None or now - oldest <= kept + _RETENTION_SLACK:
        return _ok("retention", f"finished executions are kept for {conf.retention_days} days")
    return HealthCheck(
        code="retention",
        level=Level.WARNING,
        summary=f"The oldest finished execution ended {say_duration(now - oldest)} ago, and "
        f"DURABLE['RETENTION_DAYS'] is {conf.retention_days}.",
        remedy="Run `manage.py durable_prune` once a day.",
    )


def _ok(code: str, summary: str, detail: str = "") -> HealthCheck:
    return HealthCheck(code=code, level=Level.OK, summary=summary, detail=detail)


def _many(count: int) -> str:
    return f"{MAX_COUNTED:,} or more" if count > MAX_COUNTED else f"{count:,}"


def _name(strays: Sequence[Stray]) -> str:
    named = ", ".join(str(stray.id) for stray in strays[:MAX_NAMED])
    return f"{named}, …" if len(strays) > MAX_NAMED else named


def _say(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
