from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from durable_django import ExecutionStatus
from durable_django.exceptions import DurableCallError
from durable_django.testing.driver import DurableDriver
from example_project.ecommerce.workflows import checkout
from example_project.simulation import gateways
from example_project.simulation.actors import Visitors
from example_project.simulation.audit import audit
from example_project.simulation.board import read_lines
from example_project.simulation.models import Gateway, LedgerEntry
from example_project.simulation.processes import Children, kill_worker
from example_project.simulation.scenarios import start_scenarios
from example_project.simulation.stage import set_stage
from tests.examples.conftest import Break

#: A process that ignores SIGTERM, and has a child that does too and says its pid.
STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    print(os.getpid(), flush=True)
time.sleep(60)
"""


def wait_until(is_so: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.01)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie that nobody has reaped yet is dead enough.
    return not Path(f"/proc/{pid}/stat").exists() or ") Z " not in Path(
        f"/proc/{pid}/stat"
    ).read_text(encoding="ascii", errors="replace")


class TestGateways:
    def test_they_are_for_steps(self, db: None) -> None:
        with pytest.raises(DurableCallError):
            gateways.perform(Gateway.PAYMENT, "charge", "order-1")

    def test_switch_without_a_count_stays_on(
        self, durable: DurableDriver, break_gateway: Break
    ) -> None:
        stage = set_stage()
        break_gateway(Gateway.PAYMENT)

        for number in ("a", "b"):
            execution = durable.start(checkout, number, stage.product.sku, 1)
            durable.advance(minutes=1)
            assert execution.refresh().status is ExecutionStatus.FAILED


class TestDemo:
    def test_every_story_ends_as_told(self, durable: DurableDriver) -> None:
        stage = set_stage()
        scenarios = start_scenarios(stage, total=20, slow_seconds=0)
        told: list[str] = []
        visitors = Visitors(scenarios, told.append)
        ids = [scenario.id for scenario in scenarios]

        for _ in range(60):
            durable.drain()
            visitors.act(read_lines(ids))
            durable.advance(seconds=1)

        lines = read_lines(ids)
        reached = {s.story: (lines[s.id].status, lines[s.id].error_class) for s in scenarios}
        assert reached == {s.story: (s.ends, s.error) for s in scenarios}
        assert [check.claim for check in audit(stage) if not check.holds] == []

    def test_audit_sees_a_double_charge(self, durable: DurableDriver) -> None:
        stage = set_stage()
        number = f"{stage.label}-order-1"
        durable.start(checkout, number, stage.product.sku, 1)
        durable.advance(minutes=1)

        LedgerEntry.objects.create(
            gateway=Gateway.PAYMENT,
            operation="charge",
            reference=number,
            idempotency_key="b",
            pid=1,
        )

        wrong = [check.claim for check in audit(stage) if not check.holds]
        assert "No card was charged twice" in wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX only")
class TestChildren:
    @pytest.fixture
    def stubborn(self, tmp_path: Path) -> Iterator[Children]:
        program = (sys.executable, "-c", STUBBORN)
        with Children(tmp_path, program=program, stop_seconds=0.1) as children:
            yield children

    def test_none_is_left_behind(self, stubborn: Children) -> None:
        child = stubborn.start("stubborn")
        wait_until(lambda: child.log.read_text(encoding="ascii"))
        grandchild = int(child.log.read_text(encoding="ascii"))

        stubborn.stop()

        assert child.has_ended()
        wait_until(lambda: not lives(grandchild))

    def test_kill_ends_a_process_of_the_group(self, stubborn: Children) -> None:
        child = stubborn.start("stubborn")
        wait_until(lambda: child.log.read_text(encoding="ascii"))
        grandchild = int(child.log.read_text(encoding="ascii"))

        assert kill_worker(child, grandchild)

        wait_until(lambda: not lives(grandchild))
        assert not child.has_ended()

    def test_kill_refuses_a_process_of_somebody_else(self, stubborn: Children) -> None:
        child = stubborn.start("stubborn")

        assert not kill_worker(child, os.getpid())
        assert not kill_worker(child, child.process.pid)
