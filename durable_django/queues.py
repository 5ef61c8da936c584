"""Control queues: how much of each runs, how fast it begins, and whether it runs at all.

    from durable_django import queues

    queues.configure("mail", max_running=3, rate="100/min")
    queues.drain("mail", reason="deploy")          # what has begun goes on, nothing new begins
    queues.is_drained("mail")
    queues.resume("mail")

A control holds for all workers of all clusters together. It is a row: what is changed here commits
or vanishes with the caller's transaction. A worker heeds a control that is new within a second, and
one that is changed at its next claim; what it has claimed by then it still runs. Nobody is
interrupted: what runs above a lowered limit, or in a paused queue, runs on to its next wait. What
`run()` advances in its own process is not held up. To limit those that share a tenant or an
account, see `durable_django.Limit`.

Each function has an async twin.
"""

from __future__ import annotations

from datetime import timedelta

from asgiref.sync import sync_to_async

from durable_django.conf import settings
from durable_django.domain.event import CODE, MAX_REASON_LENGTH, Actor
from durable_django.domain.identifiers import check_queue
from durable_django.domain.status import QueueMode
from durable_django.domain.work_queue import (
    UNCHANGED,
    Maybe,
    QueueChange,
    QueueControl,
    QueueStanding,
    Rate,
)
from durable_django.runtime import engine


def get(name: str) -> QueueStanding:
    """Return how a queue is controlled and what is in it; one that nobody uses is open and empty.

    Raises:
        DefinitionError: The name is not legal.
    """
    store = engine().store
    control = store.load_queue(check_queue(name))
    return QueueStanding(control=control, figures=store.measure_queues([name])[name])


def list_queues() -> list[QueueStanding]:
    """Return the queues that workers serve, that are controlled, or that have anything in them.

    By name. It looks at every execution that has not ended: for people, not for programs that ask
    all the time.
    """
    own, store = engine(), engine().store
    controls = {control.name: control for control in store.list_queues()}
    known = {*settings().queues, *own.registry.queues(), *controls}
    figures = store.measure_queues(known, with_others=True)
    return [
        QueueStanding(control=controls.get(name, QueueControl(name=name)), figures=figures[name])
        for name in sorted(figures)
    ]


def configure(
    name: str,
    *,
    max_running: int | Maybe | None = UNCHANGED,
    rate: Rate | str | tuple[int, timedelta] | Maybe | None = UNCHANGED,
    reason: str = "",
    by: Actor = CODE,
) -> QueueControl:
    """Limit a queue; what is not given stays as it is.

    Args:
        name: The queue.
        max_running: At most so many executions of it are run at one moment; None: no limit.
        rate: So many of it begin in each period: "100/min", or a number and a timedelta; None: no
            limit. After a quiet time so many begin at once, and up to twice as many within one
            period. What goes on after a wait needs no place in it.
        reason: Why, for those who look at the queue.
        by: Who, for the same.

    Raises:
        DefinitionError: The name, the number or the rate is not legal.
    """
    wanted = rate if rate is UNCHANGED or rate is None else Rate.parse(rate)
    return _change(name, QueueChange(max_running=max_running, rate=wanted), reason, by)


def pause(name: str, *, reason: str = "", by: Actor = CODE) -> QueueControl:
    """Have workers take nothing from a queue until `resume`.

    Timers and times to live go on: what falls due meanwhile is due at the resume.

    Raises:
        DefinitionError: The name is not legal.
    """
    return _change(name, QueueChange(mode=QueueMode.PAUSED), reason, by)


def drain(name: str, *, reason: str = "", by: Actor = CODE) -> QueueControl:
    """Have workers begin nothing new of a queue until `resume`; what has begun goes on to its end.

    The children that it waits for begin all the same, or it could never end.

    Raises:
        DefinitionError: The name is not legal.
    """
    return _change(name, QueueChange(mode=QueueMode.DRAINING), reason, by)


def resume(name: str, *, reason: str = "", by: Actor = CODE) -> QueueControl:
    """Open a queue that was paused or drained; its limits stay.

    Raises:
        DefinitionError: The name is not legal.
    """
    return _change(name, QueueChange(mode=QueueMode.OPEN), reason, by)


def is_drained(name: str) -> bool:
    """Say whether nothing that has begun is left in a queue for workers to go on with.

    What sleeps or waits for a signal is left. What is paused, or parked until a person acts, is
    not counted.

    Raises:
        DefinitionError: The name is not legal.
    """
    return get(name).is_drained


def _change(name: str, change: QueueChange, reason: str, by: Actor) -> QueueControl:
    told = QueueChange(
        mode=change.mode,
        max_running=change.max_running,
        rate=change.rate,
        reason=reason[:MAX_REASON_LENGTH],
        actor_name=str(by)[:255],
    )
    return engine().change_queue(name, told)


aget = sync_to_async(get)
alist_queues = sync_to_async(list_queues)
aconfigure = sync_to_async(configure)
apause = sync_to_async(pause)
adrain = sync_to_async(drain)
aresume = sync_to_async(resume)
ais_drained = sync_to_async(is_drained)
