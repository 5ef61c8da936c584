"""Look at the whole installation and say what is wrong with it: what `durable_doctor` prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import Error as AnyDatabaseError
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from durable_django.conf import DurableSettings
from durable_django.control.health.checks import MAX_NAMED, Level, look_at_clock
from durable_django.control.health.queues import LATE_BY
from durable_django.control.health.workers import list_workers
from durable_django.control.setup_messages import list_messages
from durable_django.domain.status import ExecutionStatus
from durable_django.management.console import to_text
from durable_django.stores.orm import health

#: Said here in other words.
_SAID_HERE = frozenset({"durable_django.W024"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    level: Level
    message: str
    hint: str = ""


def diagnose(conf: DurableSettings) -> Iterator[Finding]:
    """Yield what there is to say, in the order it is found; stop where nothing more can be asked."""
    if conf.database not in connections:
        yield from _look_at_settings(())
        return
    try:
        clock = _look_at_clock(conf.database)
        pending = list(_look_at_tables(conf.database))
    except AnyDatabaseError as error:
        yield from _look_at_settings(())
        yield _error("database", f"It does not answer: {error}.", "Is it up? Check DATABASES.")
        return
    yield from _look_at_settings((conf.database,))
    yield clock
    yield from pending
    if any(finding.level is Level.ERROR for finding in pending):
        return
    live = health.count_live(conf.database)
    yield _ok("executions", ", ".join(f"{n} {status}" for status, n in live.items()) or "none live")
    yield _look_at_workers(conf, has_work=any(live.get(s) for s in _WORKED_ON))
    yield from _look_at_lateness(conf.database)
    yield _look_for_stuck(conf.database)
    yield _look_for_parked(live)


def _look_at_settings(databases: tuple[str, ...]) -> Iterator[Finding]:
    messages = [one for one in list_messages(databases) if one.id not in _SAID_HERE]
    for message in messages:
        yield Finding(
            subject=message.id or "checks",
            level=Level.ERROR if message.is_serious() else Level.WARNING,
            message=message.msg,
            hint=message.hint or "",
        )
    if not messages:
        yield _ok("checks", "nothing to report")


def _look_at_clock(alias: str) -> Finding:
    check, _ = look_at_clock(alias)
    return Finding(subject=check.code, level=check.level, message=check.summary, hint=check.remedy)


def _look_at_tables(alias: str) -> Iterator[Finding]:
    executor = MigrationExecutor(connections[alias])
    ours = [key for key in executor.loader.graph.leaf_nodes() if key[0] == "durable_django"]
    missing = [migration.name for migration, _ in executor.migration_plan(ours)]
    if missing:
        yield _error(
            "migrations",
            f"Not applied: {', '.join(missing)}.",
            "Run `manage.py migrate durable_django`.",
        )
    else:
        yield _ok("migrations", "applied")


def _look_at_workers(conf: DurableSettings, *, has_work: bool) -> Finding:
    workers = list_workers(conf, health.load_clock(conf.database))
    alive = [worker for worker in workers if worker.is_alive]
    if alive:
        return _ok("workers", ", ".join(map(str, alive)))
    last = f"; the last was heard of at {to_text(workers[0].beat_at)}" if workers else ""
    return Finding(
        subject="workers",
        level=Level.ERROR if has_work else Level.WARNING,
        message=f"None is alive{last}.",
        hint="Start `manage.py qcluster` or `manage.py durable_worker`.",
    )


def _look_at_lateness(alias: str) -> Iterator[Finding]:
    lags = health.list_lags(alias, LATE_BY)
    for lag in lags:
        yield _error(
            "late",
            f"{lag.count} in queue {lag.queue!r} ({lag.guarantee}), since {to_text(lag.since)}.",
            "`durable_recover` takes them up now. Too few workers, none for this queue, or a "
            "cluster that hangs (restart it)?",
        )
    if not lags:
        yield _ok("late", "nothing")


def _look_for_stuck(alias: str) -> Finding:
    stuck = health.list_stuck(alias)
    if not stuck:
        return _ok("stuck", "nothing")
    named = ", ".join(str(execution.id) for execution in stuck[:MAX_NAMED])
    return _error(
        "stuck",
        f"{len(stuck)} will never be woken: {named}{', ...' * (len(stuck) > MAX_NAMED)}.",
        "This must not happen: please report it, with `durable_show`. `durable_pause` and "
        "`durable_resume` set one going again.",
    )


def _look_for_parked(live: dict[ExecutionStatus, int]) -> Finding:
    count = live.get(ExecutionStatus.PARKED, 0)
    if not count:
        return _ok("parked", "nothing")
    return _error(
        "parked",
        f"{count} need a person.",
        "`durable_list --status parked`, then `durable_show` says why and what to do.",
    )


def _ok(subject: str, message: str) -> Finding:
    return Finding(subject=subject, level=Level.OK, message=message)


def _error(subject: str, message: str, hint: str) -> Finding:
    return Finding(subject=subject, level=Level.ERROR, message=message, hint=hint)


#: What a worker has to do with, sooner or later.
_WORKED_ON = (
    ExecutionStatus.PENDING,
    ExecutionStatus.RUNNING,
    ExecutionStatus.SUSPENDED,
    ExecutionStatus.COMPENSATING,
)
