"""The composition root: the only place that picks store, dispatcher, clock and codec."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection
from datetime import timedelta
from functools import partial
from multiprocessing.util import Finalize
from typing import Any, cast

from django.apps import apps
from django.core.signals import setting_changed
from django.db import DatabaseError, InterfaceError, OperationalError, connections, transaction
from django.utils.module_loading import import_string

from durable_django.codecs.tagged_json import TaggedJsonCodec
from durable_django.conf import DurableSettings, readable_settings, settings
from durable_django.dispatchers.local import LocalDispatcher
from durable_django.dispatchers.needs import DispatcherNeeds
from durable_django.engine.branch_crew import BranchCrew
from durable_django.engine.durable_engine import DurableEngine, EngineOptions
from durable_django.engine.mismatch_policy import MismatchPolicy
from durable_django.engine.serialization import Payloads
from durable_django.engine.slice_outcome import SliceLimits
from durable_django.engine.start_request import engine_slot
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.ports.clock import Clock
from durable_django.ports.codec import Codec
from durable_django.ports.dispatcher import Dispatcher
from durable_django.ports.doorbell import Doorbell
from durable_django.ports.heartbeats import Heartbeats
from durable_django.ports.schedule_store import ScheduleStore
from durable_django.scheduling.schedule_keeper import ScheduleKeeper
from durable_django.stores.orm.model_references import ModelReferences, subject_of
from durable_django.worker.connections import drop_connections, tidy_connections
from durable_django.worker.pump import Pump
from durable_django.worker.workforce import Workforce, WorkforceNeeds

#: How long a tick is left to others if this process does not know the workflow.
_SCHEDULE_PATIENCE = timedelta(seconds=30)

_lock = threading.RLock()
_engine: DurableEngine | None = None
_workforce: Workforce | None = None


def engine() -> DurableEngine:
    """Return this process's engine, made at the first call."""
    global _engine  # noqa: PLW0603 -- one per process, made lazily under a lock
    if _engine is None:
        with _lock:
            if _engine is None:
                _engine = build_engine()
    return _engine


def use_engine(other: DurableEngine | None) -> DurableEngine | None:
    """Put another engine in this one's place (None: made anew when needed); return the former."""
    global _engine
    with _lock:
        former, _engine = _engine, other
    return former


def wire() -> None:
    """Let workflow functions find the engine."""
    engine_slot.provider = engine


def wire_cluster() -> None:
    """Have the workers of the dispatcher's cluster tick, if it is one that has workers."""
    dispatcher = readable_settings().dispatcher
    if dispatcher.startswith("durable_django.dispatchers.django_q") and not apps.is_installed(
        "django_q"
    ):
        return  # a system check says so
    try:
        found = import_string(dispatcher)
    except ImportError:
        return  # as above: commands must start, to say what is wrong
    connect = getattr(found, "connect", None)
    if connect is not None:
        connect(_join_cluster, ensure_backstop)


def _join_cluster() -> None:
    """Tick in this worker process, until it ends."""
    workforce().start_ticker("qcluster")
    # A process of multiprocessing runs these when it ends by itself, and no atexit.
    Finalize(None, _leave_cluster, exitpriority=10)


def _leave_cluster() -> None:
    if _workforce is not None:
        _workforce.leave()


def workforce() -> Workforce:
    """Return what this process has for advancing executions, made at the first call."""
    global _workforce  # noqa: PLW0603 -- one per process, made lazily under a lock
    with _lock:
        if _workforce is None:
            conf = settings()
            _workforce = build_workforce(conf, engine(), build_dispatcher(conf))
        return _workforce


def run_loop(
    queues: Collection[str],
    stop: threading.Event,
    *,
    threads: int | None = None,
    drain: bool = False,
    grace: float = 10.0,
) -> bool:
    """Be a worker until `stop` is set or, with `drain`, until nothing is due.

    Returns whether all slices ended within `grace` seconds after the stop.
    """
    conf = settings()
    pumps: list[Pump] = []

    def look() -> None:
        for pump in pumps:
            pump.wake()

    after_commit = partial(transaction.on_commit, using=conf.database, robust=True)
    local = LocalDispatcher(queues, look, after_commit=after_commit, others=build_dispatcher(conf))
    own = build_engine(dispatcher=local)
    former = use_engine(own)
    try:
        force = build_workforce(conf, own, local, threads=threads)
        pumps = [force.new_loop_pump(queues)]
        return force.run_loop(pumps[0], stop, queues=queues, drain=drain, grace=grace)
    finally:
        use_engine(former)
        own.dispose()


def build_engine(**overrides: Any) -> DurableEngine:
    """Return a new engine as the settings describe it, with some of its needs replaced.

    Raises:
        ConfigurationError: A setting is wrong.
    """
    conf = settings()
    makers: dict[str, Callable[[], object]] = {
        "store": lambda: build_store(conf),
        "payloads": lambda: build_payloads(conf),
        "dispatcher": lambda: build_dispatcher(conf),
        "observers": lambda: [import_string(path)() for path in conf.observers],
        "error_formatter": lambda: _import_hook(conf.error_formatter),
        "on_step_mismatch": lambda: _mismatch_policy(conf),
        "options": lambda: build_options(conf),
        "transaction_depth": lambda: transaction_depth,
        "on_thread_exit": lambda: drop_connections,
        "subject_of": lambda: subject_of,
        "branches": lambda: build_branch_crew(conf),
    }
    needs = {name: make() for name, make in makers.items() if name not in overrides}
    return DurableEngine(**cast("dict[str, Any]", needs), **overrides)


def build_store(conf: DurableSettings, clock: Clock | None = None) -> CheckpointStore:
    """Return the store on the project's database; `clock` replaces the database's own."""
    # By path: the app's configuration imports this module before models may be loaded.
    store = import_string("durable_django.stores.orm.store.OrmCheckpointStore")(
        alias=conf.database, clock=clock, priority_seconds=conf.priority_seconds
    )
    return cast("CheckpointStore", store)


def build_schedule_store(conf: DurableSettings) -> ScheduleStore:
    """Return the schedules in the project's database."""
    path = "durable_django.stores.orm.schedules.OrmScheduleStore"
    return cast("ScheduleStore", import_string(path)(conf.database))


def build_schedule_keeper(own: DurableEngine, **overrides: Any) -> ScheduleKeeper:
    """Return what has the project's schedules tick with this engine, on its store's clock."""
    needs: dict[str, Any] = {
        "patience": _SCHEDULE_PATIENCE,
        "transient": (OSError, OperationalError, InterfaceError),
    }
    return ScheduleKeeper(own, build_schedule_store(settings()), **(needs | overrides))


def schedule_keeper() -> ScheduleKeeper:
    """Return what has the project's schedules tick with this process's engine."""
    return build_schedule_keeper(engine())


def build_doorbell(conf: DurableSettings) -> Doorbell:
    """Return the doorbells in the project's database."""
    path = "durable_django.stores.orm.doorbells.OrmDoorbells"
    return cast("Doorbell", import_string(path)(conf.database))


def build_heartbeats(conf: DurableSettings) -> Heartbeats:
    """Return the signs of life in the project's database."""
    path = "durable_django.stores.orm.heartbeats.OrmHeartbeats"
    return cast("Heartbeats", import_string(path)(conf.database))


def build_dispatcher(conf: DurableSettings) -> Dispatcher:
    """Return the dispatcher that the settings name."""
    maker = import_string(conf.dispatcher)
    build = getattr(maker, "build", None)
    if build is None:
        return cast("Dispatcher", maker())
    needs = DispatcherNeeds(
        doorbell=build_doorbell(conf),
        alias=conf.database,
        doorbell_ttl=timedelta(seconds=conf.doorbell_seconds),
        most_slots=conf.pump_slots,
        after_commit=partial(transaction.on_commit, using=conf.database),
        drain=lambda queue: engine().drain([queue]),
    )
    return cast("Dispatcher", build(needs))


def build_workforce(
    conf: DurableSettings, own: DurableEngine, dispatcher: Dispatcher, *, threads: int | None = None
) -> Workforce:
    """Return what a process needs to advance executions with this engine."""
    database = connections[conf.database].settings_dict
    place = [str(database[key]) for key in ("ENGINE", "HOST", "PORT", "NAME")]
    return Workforce(
        WorkforceNeeds(
            engine=own,
            conf=conf,
            doorbell=build_doorbell(conf),
            heartbeats=build_heartbeats(conf),
            dispatcher=dispatcher,
            queues=lambda: sorted({*conf.queues, *own.registry.queues()}),
            threads=threads if threads is not None else _threads(conf, dispatcher),
            slots=getattr(dispatcher, "most_slots", 0) or conf.pump_slots or 1,
            cluster="/".join([*place, getattr(dispatcher, "cluster_name", "")]),
            tidy=tidy_connections,
            drop_connections=drop_connections,
            schedules=build_schedule_keeper(own) if conf.run_schedules else None,
            ensure_backstop=ensure_backstop,
        )
    )


def ensure_backstop() -> None:
    """Have `tasks.recover` called now and then, if the dispatcher can see to that."""
    ensure = getattr(build_dispatcher(settings()), "ensure_backstop", None)
    if ensure is not None:
        ensure()


def build_codec(conf: DurableSettings) -> Codec:
    """Return what writes payloads as text, encrypted if there are keys."""
    codec: Codec = (
        import_string(conf.codec)()
        if conf.codec
        else TaggedJsonCodec(adapters=(ModelReferences(),))
    )
    if conf.encryption_keys:
        # By path, because the module needs the extra `encryption`.
        encrypting = import_string("durable_django.codecs.encrypting.EncryptingCodec")
        codec = encrypting(codec, conf.encryption_keys, accepts_plain=conf.encryption_accepts_plain)
    return codec


def build_payloads(conf: DurableSettings) -> Payloads:
    """Return the gate for payloads: codec and limits."""
    return Payloads(
        build_codec(conf),
        max_bytes=conf.max_payload_bytes,
        max_depth=conf.max_payload_depth,
        # A database that is away while a model reference is fetched is no bad payload.
        transient=(OSError, DatabaseError, InterfaceError),
    )


def build_branch_crew(conf: DurableSettings) -> BranchCrew:
    """Return who runs the branches of groups."""

    def threads() -> int:
        connection = connections[conf.database]
        # SQLite has one writer; and a test's own transaction is its own thread's.
        is_alone = connection.vendor == "sqlite" or connection.in_atomic_block
        return 1 if is_alone else conf.parallel_threads

    return BranchCrew(threads, drop_connections, partial(tidy_connections, is_doubtful=False))


def build_options(conf: DurableSettings) -> EngineOptions:
    """Return the engine's sizes and times."""
    return EngineOptions(
        lease=timedelta(seconds=conf.lease_seconds),
        limits=SliceLimits(
            max_recoveries=conf.max_recoveries,
            unknown_workflow_delay=timedelta(seconds=conf.unknown_workflow_delay_seconds),
            unknown_workflow_patience=timedelta(seconds=conf.unknown_workflow_patience_seconds),
        ),
        max_child_depth=conf.max_child_depth,
        stores_tracebacks=conf.store_tracebacks,
    )


def transaction_depth() -> int:
    """Return how many transactions of user code are open in this thread, over all databases.

    A connection with autocommit off counts as one; what a TestCase wraps around a test does not.
    """
    depth = 0
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block:
            depth += sum(not getattr(b, "_from_testcase", False) for b in connection.atomic_blocks)
        elif connection.connection is not None and not connection.get_autocommit():
            depth += 1
    return depth


def _threads(conf: DurableSettings, dispatcher: Dispatcher) -> int:
    if getattr(dispatcher, "is_synchronous", False):
        return 0  # called in the midst of the caller's work: its own thread, its own connection
    # SQLite has one writer at a time: more threads would only wait for each other.
    return 1 if connections[conf.database].vendor == "sqlite" else conf.pump_threads


def _import_hook(path: str) -> Callable[[BaseException], str] | None:
    return cast("Callable[[BaseException], str]", import_string(path)) if path else None


def _mismatch_policy(conf: DurableSettings) -> MismatchPolicy:
    if conf.on_step_mismatch in ("park", "warn"):
        return cast("MismatchPolicy", conf.on_step_mismatch)
    return cast("Callable[[Any], object]", import_string(conf.on_step_mismatch))


def _forget(*, setting: str, **_: Any) -> None:
    global _workforce
    if setting not in ("DURABLE", "DATABASES"):
        return
    with _lock:
        former, _workforce = _workforce, None
    if former is not None:
        former.close()
    # Else the thread that keeps its leases would stay.
    if (unused := use_engine(None)) is not None:
        unused.dispose()


def _begin_anew() -> None:
    """Forget, in a child after a fork, what belongs to the parent: threads, owner, locks."""
    global _engine, _workforce, _lock
    _engine, _workforce, _lock = None, None, threading.RLock()


setting_changed.connect(_forget, dispatch_uid="durable_django.runtime")
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
