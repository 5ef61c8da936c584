from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from durable_django.dispatchers.inline import InlineDispatcher
from durable_django.dispatchers.local import LocalDispatcher
from durable_django.dispatchers.null import NullDispatcher
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.registry import Registry
from durable_django.engine.start_request import StartOptions
from durable_django.engine.workflow_function import workflow
from durable_django.stores.memory import InMemoryCheckpointStore

WAIT_S = 10


def test_it_runs_what_is_due_at_once() -> None:
    seen: list[str] = []
    InlineDispatcher(seen.append).wake("slow")
    assert seen == ["slow"]


def test_it_waits_for_the_commit() -> None:
    seen: list[str] = []
    on_commit: list[Callable[[], object]] = []
    InlineDispatcher(seen.append, on_commit.append).wake()
    assert seen == []
    on_commit[0]()
    assert seen == ["default"]


def test_what_is_woken_meanwhile_runs_after_it_not_inside() -> None:
    seen: list[str] = []

    def run(queue: str) -> None:
        seen.append(f"begin {queue}")
        if queue == "a":
            dispatcher.wake("b")
            dispatcher.wake("a" if len(seen) == 1 else "b")
        seen.append(f"end {queue}")

    dispatcher = InlineDispatcher(run)
    dispatcher.wake("a")
    assert seen == ["begin a", "end a", "begin b", "end b", "begin a", "end a", "begin b", "end b"]


def test_a_failure_reaches_the_caller_and_leaves_it_usable() -> None:
    seen: list[str] = []

    def run(queue: str) -> None:
        seen.append(queue)
        if queue == "bad":
            raise RuntimeError

    dispatcher = InlineDispatcher(run)
    with pytest.raises(RuntimeError):
        dispatcher.wake("bad")
    dispatcher.wake("good")
    assert seen == ["bad", "good"]


def test_while_one_thread_runs_the_others_leave_it_their_work() -> None:
    seen: list[tuple[str, int]] = []
    begun, go_on = threading.Event(), threading.Event()

    def run(queue: str) -> None:
        seen.append((queue, threading.get_ident()))
        begun.set()
        assert go_on.wait(WAIT_S)

    dispatcher = InlineDispatcher(run)
    thread = threading.Thread(target=dispatcher.wake, args=("a",))
    thread.start()
    assert begun.wait(WAIT_S)
    dispatcher.wake("b")
    go_on.set()
    thread.join(WAIT_S)
    assert [queue for queue, _ in seen] == ["a", "b"]
    assert {ident for _, ident in seen} == {thread.ident}


def test_a_workflow_may_start_another() -> None:
    registry = Registry()
    inner = workflow(name="inner", registry=registry)(lambda ctx: "inner")
    dispatcher = InlineDispatcher(lambda queue: engine.drain([queue]))
    engine = DurableEngine(
        store=InMemoryCheckpointStore(), registry=registry, dispatcher=dispatcher
    )

    def start_inner() -> str:
        [handle] = engine.start_many(inner.definition, [((), {})], StartOptions())
        return str(handle.id)

    outer = workflow(name="outer", registry=registry)(lambda ctx: ctx.step("start", start_inner))
    [handle] = engine.start_many(outer.definition, [((), {})], StartOptions())
    assert [str(e.status) for e in engine.store.list_executions()] == ["completed"] * 2
    assert handle.result()
    engine.dispose()


def test_a_local_one_passes_on_what_its_worker_does_not_serve() -> None:
    woken: list[object] = []

    class Others:
        def wake(self, queue: str = "default", slots: int = 1) -> None:
            woken.append((queue, slots))

    on_commit: list[Callable[[], object]] = []
    local = LocalDispatcher(
        ["default"], lambda: woken.append("here"), after_commit=on_commit.append, others=Others()
    )
    local.wake()
    local.wake("slow", 3)
    assert woken == [("slow", 3)]
    on_commit[0]()
    assert woken == [("slow", 3), "here"]


def test_the_null_one_tells_nobody() -> None:
    NullDispatcher().wake("default", 3)
