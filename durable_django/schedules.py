"""Start workflows by the clock: the Python door to schedules.

    from durable_django import schedules

    schedules.create("nightly", "shop.reconcile", cron="30 2 * * *", timezone="Europe/Berlin")
    schedules.preview("nightly", count=5)
    schedules.trigger("nightly").result(timeout=60)

Acts are row writes in the caller's transaction: they commit or vanish with it. Each has an async
twin. What the code defines (`@workflow(schedule=…)`) can be enabled, disabled, triggered and
backfilled here, and is changed in the code.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Unpack

from asgiref.sync import sync_to_async

from durable_django.conf import settings
from durable_django.domain.event import CODE, Actor
from durable_django.domain.recurrence import check_instant
from durable_django.domain.schedule import Schedule, ScheduleSource, ScheduleTick
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.ports.schedule_store import ScheduleStore
from durable_django.runtime import build_schedule_store, engine
from durable_django.scheduling import wording
from durable_django.scheduling.options import ScheduleChanges, ScheduleOptions, changed
from durable_django.scheduling.schedule_editor import ScheduleEditor
from durable_django.scheduling.tick_requester import Backfill, TickRequester


def create(
    name: str, workflow: str, *, by: Actor = CODE, **options: Unpack[ScheduleOptions]
) -> Schedule:
    """Add a schedule that starts a workflow by the clock, beginning with the next tick after now.

    Give `cron=` or `every=`; see `ScheduleOptions` for the rest, `scheduling.ticks` for what
    happens on the nights when the clocks are changed, and `scheduling.decisions` for ticks that
    nobody was there for, or whose predecessor has not ended.

    Raises:
        ScheduleExistsError: There is one of this name.
        ScheduleDefinedInCodeError: The code defines one of this name.
        UnknownWorkflowError: No such workflow (or version) is registered.
        ScheduleError: An option is not legal, or the input does not fit the workflow.
    """
    return _editor().create(name, {"workflow": workflow, **options}, by)


def upsert(
    name: str, workflow: str, *, by: Actor = CODE, **options: Unpack[ScheduleOptions]
) -> Schedule:
    """Create it; or, if there is one of this name, give that these options and no others.

    One that is there stays enabled, or disabled. It ticks next as before, unless its timing is
    another one now.

    Raises:
        ScheduleDefinedInCodeError: The code defines one of this name.
        UnknownWorkflowError: No such workflow (or version) is registered.
        ScheduleError: An option is not legal, or the input does not fit the workflow.
    """
    return _editor().upsert(name, {"workflow": workflow, **options}, by)


def update(name: str, *, by: Actor = CODE, **changes: Unpack[ScheduleChanges]) -> Schedule:
    """Change some options; with another timing it ticks next after now.

    A cron expression takes the place of an interval, and the other way round. Another interval is
    counted from the anchor that is there.

    Raises:
        ScheduleNotFoundError: There is none of this name.
        ScheduleDefinedInCodeError: The code defines it.
        UnknownWorkflowError: No such workflow (or version) is registered.
        ScheduleError: An option is not legal, or the input does not fit the workflow.
    """
    return _editor().update(name, dict(changes), by)


def enable(name: str, *, by: Actor = CODE) -> Schedule:
    """Let it tick again, from now on; its failures are forgotten.

    Raises:
        ScheduleNotFoundError: There is none of this name.
        ScheduleError: It cannot tick any more: its time zone is not known here, say.
    """
    return _editor().enable(name, by)


def disable(name: str, *, reason: str = "", by: Actor = CODE) -> Schedule:
    """Let it tick no more; what it has started goes on.

    Raises:
        ScheduleNotFoundError: There is none of this name.
        ScheduleError: The reason cannot be stored.
    """
    return _editor().disable(name, reason, by)


def delete(name: str, *, by: Actor = CODE) -> None:
    """Delete it with the rows of its ticks; what it has started goes on.

    One that the code defined once and defines no longer can be deleted too.

    Raises:
        ScheduleNotFoundError: There is none of this name.
        ScheduleDefinedInCodeError: The code defines it.
    """
    _editor().delete(name, by)


def trigger(name: str, *, reason: str = "", by: Actor = CODE) -> ExecutionHandle[Any]:
    """Start its workflow now, enabled or not, whatever the overlap policy but "queue".

    Raises:
        ScheduleNotFoundError: There is none of this name.
        UnknownWorkflowError: Its workflow is not registered.
        ScheduleError: Its input or its options do not fit the workflow any more, or the input
            cannot be read.
    """
    return _requester().trigger(name, reason=reason, by=by)


def backfill(
    name: str,
    start: datetime,
    end: datetime,
    *,
    dry_run: bool = False,
    reason: str = "",
    by: Actor = CODE,
) -> Backfill:
    """Start the ticks from `start` on and before `end` that have started nothing so far.

    Those that were missed or failed are made up for; those that the overlap policy skipped are
    not. Their executions run side by side, or one after the other with the overlap policy "queue".
    A hundred are started in one transaction: what breaks it off leaves those before, and the same
    call again does the rest.

    Args:
        name: The schedule, enabled or not.
        start: Aware; a tick at this instant is one of them.
        end: Aware, not in the future; a tick at this instant is not one of them.
        dry_run: Only say which ticks it would start.
        reason: Why, for the audit.
        by: Who, for the audit.

    Raises:
        ScheduleNotFoundError: There is none of this name.
        ScheduleError: The range is none, reaches into the future, or holds over 10,000 ticks; or
            its input or its options do not fit the workflow any more, or the input cannot be read.
        UnknownWorkflowError: Its workflow is not registered.
        ExecutionKeyConflictError: A tick was started before, with another input.
    """
    return _requester().backfill(name, start, end, dry_run=dry_run, reason=reason, by=by)


def get(name: str) -> Schedule:
    """Return the schedule.

    Raises:
        ScheduleNotFoundError: There is none of this name.
    """
    return _store().load_schedule(name)


def list_schedules(source: ScheduleSource | None = None) -> list[Schedule]:
    """Return all schedules (those of the code, or those of people), ordered by name."""
    return _store().list_schedules(source)


def list_ticks(name: str, limit: int = 100) -> list[ScheduleTick]:
    """Return what became of its ticks, the latest first.

    Of several in a row that were not started, one tells, at the first of them.

    Raises:
        ScheduleNotFoundError: There is none of this name.
    """
    _store().load_schedule(name)
    return _store().list_ticks(name, max(limit, 0))


def preview(
    schedule: str | Schedule | None = None,
    *,
    count: int = 5,
    after: datetime | None = None,
    **timing: Unpack[ScheduleOptions],
) -> list[datetime]:
    """Return the next ticks (UTC) of a schedule, were it enabled, or of a timing that is none yet.

        preview("nightly")
        preview(cron="30 2 * * *", timezone="Europe/Berlin", gap="skip", count=10)

    Args:
        schedule: Its name, or itself; options beside it say what it would be with them.
        count: At most so many, up to a thousand.
        after: Beginning after this instant (aware); by default now.
        timing: `cron` or `every`, `timezone`, `anchor_at`, `gap`, `fold`.

    Raises:
        ScheduleNotFoundError: There is none of this name.
        ScheduleError: It cannot tick like that.
    """
    now = engine().store.now()
    begin = now if after is None else check_instant("after", after)
    return wording.preview(_planned(schedule, timing, now), begin, count)


def explain(schedule: str | Schedule | None = None, **timing: Unpack[ScheduleOptions]) -> str:
    """Return when it ticks in plain words: "At 09:00 on Monday through Friday (Europe/Berlin)".

    Raises:
        ScheduleNotFoundError: There is none of this name.
        ScheduleError: It cannot tick like that.
    """
    return wording.explain(_planned(schedule, timing, None))


def _planned(
    schedule: str | Schedule | None, timing: ScheduleOptions, now: datetime | None
) -> Schedule:
    if schedule is None:
        schedule = Schedule(name="", workflow_name="")
    elif isinstance(schedule, str):
        schedule = get(schedule)
    return changed(schedule, timing, now or engine().store.now()) if timing else schedule


def _editor() -> ScheduleEditor:
    return ScheduleEditor(engine(), _store())


def _requester() -> TickRequester:
    return TickRequester(engine(), _store())


def _store() -> ScheduleStore:
    return build_schedule_store(settings())


acreate = sync_to_async(create)
aupsert = sync_to_async(upsert)
aupdate = sync_to_async(update)
aenable = sync_to_async(enable)
adisable = sync_to_async(disable)
adelete = sync_to_async(delete)
atrigger = sync_to_async(trigger)
abackfill = sync_to_async(backfill)
aget = sync_to_async(get)
alist_schedules = sync_to_async(list_schedules)
alist_ticks = sync_to_async(list_ticks)
apreview = sync_to_async(preview)
aexplain = sync_to_async(explain)
