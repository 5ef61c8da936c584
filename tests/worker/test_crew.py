from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import pytest

from durable_django.domain.claim import Claim
from durable_django.testing.factories import make_claim
from durable_django.worker import crew as module
from durable_django.worker.crew import InlineCrew, ThreadCrew
from durable_django.worker.pace import Pace
from durable_django.worker.tally import Tally

WAIT_S = 10


class Gate:
    """What a crew runs here: each claim says that it began, and waits to be let on."""

    def __init__(self) -> None:
        self.begun: list[Claim] = []
        self.threads: set[int] = set()
        self.began, self.let_on = threading.Semaphore(0), threading.Semaphore(0)

    def run(self, claim: Claim) -> None:
        self.begun.append(claim)
        self.threads.add(threading.get_ident())
        self.began.release()
        assert self.let_on.acquire(timeout=WAIT_S)

    def await_begun(self, count: int) -> None:
        for _ in range(count):
            assert self.began.acquire(timeout=WAIT_S)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def make_crew() -> Iterator[Callable[..., ThreadCrew]]:
    crews: list[ThreadCrew] = []

    def make(run: Callable[[Claim], object], size: int = 2, **needs: object) -> ThreadCrew:
        crew = ThreadCrew(run, size, pace=Pace(20), tally=Tally(), **needs)  # type: ignore[arg-type]
        crews.append(crew)
        return crew

    yield make
    for crew in crews:
        crew.close()


def rest(crew: ThreadCrew, until: Callable[[], bool]) -> None:
    for _ in range(1000):
        if until():
            return
        crew.wait(0.01)
    raise AssertionError


def test_it_runs_so_many_at_once_and_keeps_the_rest(
    make_crew: Callable[..., ThreadCrew], gate: Gate
) -> None:
    crew, claims = make_crew(gate.run), [make_claim() for _ in range(5)]
    crew.begin(claims)
    gate.await_begun(2)
    assert (crew.running, crew.unbegun) == (2, 3)
    assert crew.take_back() == claims[2:]
    gate.let_on.release(2)
    rest(crew, lambda: crew.running == 0)
    assert gate.begun in ([claims[0], claims[1]], [claims[1], claims[0]])


def test_its_threads_stay(make_crew: Callable[..., ThreadCrew], gate: Gate) -> None:
    crew = make_crew(gate.run)
    gate.let_on.release(10)
    for _ in range(5):
        crew.begin([make_claim()])
        gate.await_begun(1)
        rest(crew, lambda: crew.running == 0)
    assert len(gate.threads) == 1


def test_an_idle_thread_ends_and_closes_its_connection(
    make_crew: Callable[..., ThreadCrew], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_S", 0.01)
    closed = threading.Event()
    crew = make_crew(lambda claim: None, on_thread_exit=closed.set)
    crew.begin([make_claim()])
    assert closed.wait(WAIT_S)
    closed.clear()
    crew.begin([make_claim()])
    assert closed.wait(WAIT_S)


def test_a_slice_that_crashes_takes_no_thread_with_it(
    make_crew: Callable[..., ThreadCrew], caplog: pytest.LogCaptureFixture
) -> None:
    def crash(claim: Claim) -> None:
        raise SystemExit

    crew = make_crew(crash, 1)
    with caplog.at_level(logging.ERROR):
        crew.begin([make_claim(), make_claim()])
        rest(crew, lambda: not crew.running and not crew.unbegun)
    assert [record.message for record in caplog.records] == ["Slice crashed"] * 2


def test_what_a_slice_leaves_in_its_context_does_not_reach_the_next(
    make_crew: Callable[..., ThreadCrew],
) -> None:
    language: ContextVar[str] = ContextVar("language", default="en")
    seen: list[str] = []

    def run(claim: Claim) -> None:
        seen.append(language.get())
        language.set("de")

    crew = make_crew(run, 1)
    crew.begin([make_claim(), make_claim()])
    rest(crew, lambda: len(seen) == 2)
    assert seen == ["en", "en"]


def test_connections_are_tidied_after_each_slice_and_doubted_after_a_rest(
    make_crew: Callable[..., ThreadCrew], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    crew = make_crew(lambda claim: calls.append("run"), 1, tidy=calls.append)
    crew.begin([make_claim()])
    rest(crew, lambda: calls == ["run", False])
    monkeypatch.setattr(module, "_DOUBT_S", -1.0)
    crew.begin([make_claim()])
    rest(crew, lambda: calls == ["run", False, True, "run", False])


def test_a_failing_tidy_harms_nobody(make_crew: Callable[..., ThreadCrew]) -> None:
    def fail(_: object) -> None:
        raise ConnectionError

    crew = make_crew(lambda claim: None, 1, tidy=fail)
    crew.begin([make_claim(), make_claim()])
    rest(crew, lambda: not crew.running and not crew.unbegun)


def test_a_poke_before_the_wait_is_not_lost(make_crew: Callable[..., ThreadCrew]) -> None:
    crew = make_crew(lambda claim: None)
    crew.poke()
    crew.wait(3600)


def test_an_inline_crew_runs_one_slice_per_wait() -> None:
    seen: list[Claim] = []
    claims = [make_claim(), make_claim()]
    crew = InlineCrew(seen.append, pace=Pace(20), tally=Tally())
    crew.begin(claims)
    crew.wait(3600)
    assert seen == claims[:1]
    assert crew.unbegun == 1
    assert crew.take_back() == claims[1:]
    crew.poke()
    crew.wait(3600)
