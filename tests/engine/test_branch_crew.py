from __future__ import annotations

import contextvars
import threading
import time

import pytest

from durable_django.engine import branch_crew
from durable_django.engine.branch_crew import BranchCrew

WAIT_S = 10


@pytest.fixture
def crew():
    made = []

    def make(threads=4, **needs):
        made.append(BranchCrew(lambda: threads, **needs))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_without_helpers_the_caller_does_all_in_order(crew):
    did = []
    jobs = [lambda n=n: did.append((n, threading.get_ident())) for n in range(5)]

    crew(threads=1).run(jobs)

    assert did == [(n, threading.get_ident()) for n in range(5)]


def test_jobs_run_at_once(crew):
    together = threading.Barrier(4)

    crew(threads=4).run([lambda: together.wait(WAIT_S)] * 4)

    assert not together.broken


@pytest.mark.parametrize(("threads", "most", "expected"), [(8, 3, 3), (2, 5, 2), (8, None, 8)])
def test_no_more_run_at_once_than_allowed(crew, threads, most, expected):
    lock, under_way, counts = threading.Lock(), [0], []
    together = threading.Barrier(expected)

    def job():
        with lock:
            under_way[0] += 1
            counts.append(under_way[0])
        together.wait(WAIT_S)
        with lock:
            under_way[0] -= 1

    crew(threads=threads).run([job] * (expected * 3), most)

    assert max(counts) == expected


def test_it_returns_when_all_have_ended(crew):
    ended = []

    def slow():
        time.sleep(0.02)
        ended.append(1)

    crew(threads=3).run([slow] * 7)

    assert len(ended) == 7


def test_nothing_to_do_is_done_at_once(crew):
    crew().run([])


def test_groups_in_groups_do_not_wait_for_each_other(crew):
    """All helpers are busy with the outer group: each does its inner group by itself."""
    one = crew(threads=3)
    did = []

    def outer(n):
        one.run([lambda k=k: did.append((n, k)) for k in range(5)])

    one.run([lambda n=n: outer(n) for n in range(6)])

    assert sorted(did) == [(n, k) for n in range(6) for k in range(5)]


def test_helpers_are_used_again(crew):
    names = set()
    one = crew(threads=2)
    for _ in range(10):
        together = threading.Barrier(2)
        one.run([lambda b=together: (b.wait(WAIT_S), names.add(threading.get_ident()))] * 2)

    # The caller, and helpers; one that was not idle yet may have been joined by another.
    assert len(names) <= 4


def test_a_helper_tidies_after_each_job_and_leaves_at_last(crew):
    tidied, left = [], threading.Event()
    together = threading.Barrier(2)
    one = crew(threads=2, tidy=lambda: tidied.append(1), on_thread_exit=left.set)

    one.run([lambda: together.wait(WAIT_S)] * 2)
    one.close()

    assert tidied == [1]
    assert left.is_set()


def test_a_helper_that_has_nothing_to_do_ends_by_itself(crew, monkeypatch):
    monkeypatch.setattr(branch_crew, "_IDLE_S", 0.01)
    left, together = threading.Event(), threading.Barrier(2)
    one = crew(threads=2, on_thread_exit=left.set)

    one.run([lambda: together.wait(WAIT_S)] * 2)

    assert left.wait(WAIT_S)


def test_a_closed_crew_still_does_what_it_is_given(crew):
    """A slice that goes on while its engine is disposed of must not hang."""
    one = crew(threads=3)
    one.close()
    did = []

    one.run([lambda n=n: did.append(n) for n in range(5)])

    assert sorted(did) == list(range(5))


def test_a_helper_sees_what_the_caller_set(crew):
    variable = contextvars.ContextVar("variable", default="unset")
    variable.set("set")
    together, seen = threading.Barrier(2), []

    crew(threads=2).run([lambda: (together.wait(WAIT_S), seen.append(variable.get()))] * 2)

    assert seen == ["set", "set"]


def test_how_many_threads_there_are_is_asked_for_each_group():
    answers = iter([1, 1])
    asked = []

    def threads():
        asked.append(1)
        return next(answers)

    one = BranchCrew(threads)
    one.run([int])
    one.run([int])

    assert len(asked) == 2


def test_without_a_thread_to_be_had_the_caller_does_all(crew, monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    did = []

    crew(threads=4).run([lambda n=n: did.append(n) for n in range(5)])

    assert did == [0, 1, 2, 3, 4]


def test_of_a_caller_that_is_told_to_end_the_helpers_begin_nothing_more(crew):
    both_began, has_ended, began = threading.Barrier(2), threading.Event(), []

    def die():
        both_began.wait(WAIT_S)
        raise SystemExit

    def work():
        both_began.wait(WAIT_S)
        assert has_ended.wait(WAIT_S)

    jobs = {threading.get_ident(): die}

    def job():
        began.append(1)
        jobs.get(threading.get_ident(), work)()

    one = crew(threads=2)
    with pytest.raises(SystemExit):
        one.run([job] * 5)
    has_ended.set()
    one.close()

    assert len(began) == 2
