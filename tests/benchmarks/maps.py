"""What mapping over many items costs, in time and in memory that grows with their number.

Of a hundred items first, so that what a map needs at all is in memory; then of many: the peak of
the process's memory grows by what it keeps of each item.
"""

from __future__ import annotations

import resource
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import connections

from durable_django import WorkflowContext, workflow
from durable_django.engine.durable_engine import DurableEngine
from durable_django.models import WorkflowExecution

FEW, MANY = 100, 10_000
THREADS = 4


@workflow(name="bench.leaf")
def leaf(ctx: WorkflowContext, number: int) -> int:
    return ctx.step("double", double, number)


def double(number: int) -> int:
    return 2 * number


@workflow(name="bench.map_functions")
def map_functions(ctx: WorkflowContext, count: int) -> int:
    return sum(ctx.map("items", double, range(count)))


@workflow(name="bench.map_workflows")
def map_workflows(ctx: WorkflowContext, count: int) -> int:
    return sum(ctx.map("items", leaf, range(count)))


def measure_maps(engine: DurableEngine) -> list[tuple[str, str]]:
    """Return a line for each way to map, and one for executions that have no parent."""
    report: list[tuple[str, str]] = []
    for flow, what in ((map_functions, "functions"), (map_workflows, "workflows")):
        _map(engine, flow, FEW)
        before = _peak_mib()
        took = _map(engine, flow, MANY)
        grown = _peak_mib() - before
        figure = f"{MANY / took:8.0f} /s   peak memory {_peak_mib():.0f} MiB, {grown:+.1f}"
        report.append((f"map over {MANY} {what}", figure))
    # Last, because a start in bulk has all of them in memory.
    took = _time(engine, lambda: leaf.start_many([(number,) for number in range(MANY)]))
    report.append((f"{MANY} executions of one step, {THREADS} threads", f"{MANY / took:8.0f} /s"))
    return report


def _map(engine: DurableEngine, flow: Any, count: int) -> float:
    handles: list[Any] = []
    took = _time(engine, lambda: handles.append(flow.start(count)))
    expected = count * (count - 1)
    result = handles[0].refresh().result()
    if result != expected:
        raise AssertionError(f"{flow.name} of {count} items: {result}, not {expected}.")
    return took


def _time(engine: DurableEngine, start: Callable[[], Any]) -> float:
    """Return how many seconds pass from the start until nothing is left to do."""
    begun = time.perf_counter()
    start()
    threads = [threading.Thread(target=_work, args=(engine,)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begun


def _work(engine: DurableEngine) -> None:
    try:
        while WorkflowExecution.objects.filter(finished_at=None).exists():
            if not engine.advance("default", 20):
                time.sleep(0.005)
    finally:
        connections.close_all()


def _peak_mib() -> float:
    # macOS tells bytes, Linux kibibytes.
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
