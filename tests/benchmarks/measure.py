"""The measurements, on one database, in this process and one worker thread pool."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.db import connection, connections  # noqa: E402 -- Django must be set up first

from durable_django import WorkflowContext, runtime, workflow  # noqa: E402
from durable_django.engine.durable_engine import DurableEngine  # noqa: E402
from tests.benchmarks.backlog import measure_backlog  # noqa: E402
from tests.benchmarks.listing import measure_listing  # noqa: E402
from tests.benchmarks.maps import measure_maps  # noqa: E402

REPORT: list[tuple[str, str]] = []


def nothing() -> None:
    """Do nothing: the cost measured is the engine's."""


@workflow(name="bench.one")
def one_step(ctx: WorkflowContext) -> None:
    ctx.step("only", nothing)


@workflow(name="bench.five")
def five_steps(ctx: WorkflowContext) -> None:
    for _ in range(5):
        ctx.step("again", nothing)


@workflow(name="bench.twenty")
def twenty_steps(ctx: WorkflowContext) -> None:
    for _ in range(20):
        ctx.step("again", nothing)


@workflow(name="bench.atomic")
def five_atomic_steps(ctx: WorkflowContext) -> None:
    for _ in range(5):
        ctx.step("again", nothing, atomic=True)


@workflow(name="bench.nap")
def nap(ctx: WorkflowContext, milliseconds: int) -> None:
    ctx.sleep("nap", timedelta(milliseconds=milliseconds))


@workflow(name="bench.answer")
def answer(ctx: WorkflowContext) -> None:
    ctx.wait_signal("go")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--backlog", action="store_true")
    parser.add_argument("--listing", action="store_true")
    parser.add_argument("--maps", action="store_true")
    options = parser.parse_args()
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True)
    engine = runtime.build_engine(dispatcher=None)
    runtime.use_engine(engine)
    try:
        if options.listing:
            REPORT.extend(measure_listing())
        elif options.maps:
            REPORT.extend(measure_maps(engine))
        else:
            measure(engine, options.count, options.runs)
        if options.backlog:
            REPORT.extend(measure_backlog(engine))
    finally:
        engine.dispose()
        connections.close_all()
        connection.creation.destroy_test_db(name, verbosity=0)
    width = max(len(what) for what, _ in REPORT)
    lines = [f"  {what:<{width}}  {figure}" for what, figure in REPORT]
    sys.stdout.write("\n".join(["", connection.vendor, *lines, ""]))


def measure(engine: DurableEngine, count: int, runs: int) -> None:
    commits = median_rate(runs, count, lambda: raw_commits(count))
    REPORT.append(("raw commits (one INSERT each)", f"{commits:8.0f} /s"))
    starts = median_rate(runs, count, lambda: [one_step.start() for _ in range(count)])
    REPORT.append(("start(), one by one", f"{starts:8.0f} /s"))
    drain(engine)
    bulk = median_rate(runs, count, lambda: one_step.start_many([()] * count))
    REPORT.append(("start_many(), in bulk", f"{bulk:8.0f} /s"))
    drain(engine)
    for flow, steps in ((one_step, 1), (five_steps, 5), (twenty_steps, 20)):
        ended = ended_rate(engine, flow, count // max(1, steps // 5), runs)
        text = f"{ended:8.0f} /s  {1000 / ended:6.2f} ms each"
        REPORT.append(
            (f"start → end, {steps} external steps", f"{text}  {ended / commits:5.2f} of raw")
        )
        if steps > 1:
            per_step = 1000 / (ended * steps)
            REPORT.append((f"  per step, {steps} steps", f"{per_step:8.3f} ms"))
    ended = ended_rate(engine, five_atomic_steps, count, runs)
    REPORT.append(("start → end, 5 atomic steps", f"{ended:8.0f} /s  {1000 / ended:6.2f} ms each"))
    measure_latencies()


def median_rate(runs: int, count: int, act: Callable[[], Any]) -> float:
    """Return how many of `count` per second, in the median of `runs`."""
    rates = []
    for _ in range(runs):
        begun = time.perf_counter()
        act()
        rates.append(count / (time.perf_counter() - begun))
    return statistics.median(rates)


def ended_rate(engine: DurableEngine, flow: Any, count: int, runs: int) -> float:
    """Return executions per second from start to end: started in bulk, drained by one thread."""

    def act() -> None:
        flow.start_many([()] * count)
        drain(engine)

    return median_rate(runs, count, act)


def drain(engine: DurableEngine) -> None:
    while len(engine.advance("default", 50)):
        pass


def raw_commits(count: int) -> None:
    with connection.cursor() as cursor:
        for _ in range(count):
            cursor.execute(
                "INSERT INTO durable_django_doorbell (slot, pending_until) VALUES (%s, %s)",
                [f"bench:{time.perf_counter_ns()}", "2026-01-01 00:00:00"],
            )
        cursor.execute("DELETE FROM durable_django_doorbell WHERE slot LIKE 'bench:%%'")


def measure_latencies() -> None:
    """Measure lateness of timers and signals beside the loop of `durable_worker`, in a thread."""
    stop = threading.Event()
    worker = threading.Thread(target=work_until, args=(stop,))
    worker.start()
    try:
        naps = [nap.start(500 + 13 * i) for i in range(100)]
        late = [lateness(handle) for handle in naps]
        REPORT.append(("timer lateness p50 / p95", spread(late)))
        latencies = []
        for _ in range(50):
            handle = answer.start()
            wait_for(handle, "suspended")
            begun = time.perf_counter()
            handle.signal("go")
            handle.result(timeout=10)
            latencies.append(1000 * (time.perf_counter() - begun))
        REPORT.append(("signal → end seen p50 / p95", spread(latencies)))
    finally:
        stop.set()
        worker.join()


def work_until(stop: threading.Event) -> None:
    try:
        runtime.run_loop(["default"], stop)
    finally:
        connections.close_all()


def lateness(handle: Any) -> float:
    handle.result(timeout=30)
    timer = runtime.engine().store.list_timers(handle.id)[0]
    slept = runtime.engine().store.list_checkpoints(handle.id)[0]
    return 1000 * (slept.completed_at - timer.fire_at).total_seconds()


def wait_for(handle: Any, status: str) -> None:
    while handle.refresh().status != status:
        time.sleep(0.001)


def spread(milliseconds: list[float]) -> str:
    ordered = sorted(milliseconds)
    p95 = ordered[int(len(ordered) * 0.95)]
    return f"{statistics.median(ordered):8.1f} / {p95:.1f} ms"


if __name__ == "__main__":
    main()
