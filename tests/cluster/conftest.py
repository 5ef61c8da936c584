from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections

from tests.cluster.processes import WORKERS, Start, WorkerProcess, list_workers, wait_until


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.xdist_group("cluster"))


@pytest.fixture
def start(transactional_db: None, tmp_path: Path) -> Iterator[Start]:
    """Starts a command as a process that joins the test database."""
    processes: list[WorkerProcess] = []

    def begin(*command: str, **durable: object) -> WorkerProcess:
        log = tmp_path / f"{len(processes)}-{command[0]}.log"
        processes.append(WorkerProcess(list(command), log, **durable))
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
    connections.close_all()


@pytest.fixture
def start_cluster(start: Start) -> Start:
    """Starts a qcluster, and returns once its workers tick."""

    def begin(**durable: object) -> WorkerProcess:
        before = list_workers()
        cluster = start("qcluster", **durable)
        wait_until(lambda: len(list_workers() - before) == WORKERS, cluster)
        return cluster

    return begin


@pytest.fixture
def start_worker(start: Start) -> Start:
    """Starts a durable_worker, and returns once it pumps."""

    def begin(*options: str, **durable: object) -> WorkerProcess:
        worker = start("durable_worker", *options, **durable)
        wait_until(lambda: worker.pid in list_workers(), worker)
        return worker

    return begin
