"""What becomes of a start whose key is taken: stories, on both stores."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import Limit
from durable_django.domain.event import ActorKind
from durable_django.exceptions import DefinitionError, ExecutionKeyConflictError

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def index(define, log):
    """Notes what it was given, after a while."""

    def body(ctx, document):
        ctx.step("reserve", log.action(("reserve", document)), compensate=log.action("release"))
        ctx.sleep("wait", HOUR)
        ctx.step("index", log.action(("index", document)))
        return document

    return define(body)


def statuses(*executions):
    return [execution.refresh().status for execution in executions]


class TestReturn:
    def test_the_existing_one_is_returned(self, driver, index):
        first = index.options(key="7", on_conflict="return").start("a")

        assert index.options(key="7").start("a").id == first.id


class TestRaise:
    def test_a_taken_key_is_refused_whatever_the_input(self, driver, index):
        once = index.options(key="7", on_conflict="raise")
        first = once.start("a")

        for document in ("a", "b"):
            with pytest.raises(ExecutionKeyConflictError) as caught:
                once.start(document)
            assert caught.value.execution_id == first.id
        assert len(driver.store.list_executions()) == 1

    def test_also_when_the_first_has_ended(self, driver, index):
        once = index.options(key="7", on_conflict="raise")
        driver.start(once, "a")
        driver.advance(HOUR)

        with pytest.raises(ExecutionKeyConflictError, match="wants a new one"):
            once.start("a")


class TestReplace:
    def test_the_former_is_undone_and_the_new_one_goes_on(self, driver, index, log):
        latest = index.options(key="7", on_conflict="replace")
        first = driver.start(latest, "a")
        second = driver.start(latest, "b")

        driver.advance(HOUR)

        assert statuses(first, second) == ["cancelled", "completed"]
        assert log == [("reserve", "a"), "release", ("reserve", "b"), ("index", "b")]
        assert str(second.id) in first.execution.cancel_reason
        [event] = driver.store.list_events(first.id, after=0, limit=10)
        assert (event.actor.kind, event.actor.id) == (ActorKind.WORKFLOW, str(second.id))

    def test_the_key_finds_the_new_one(self, driver, index):
        first = driver.start(index.options(key="7"), "a")
        second = driver.start(index.options(key="7", on_conflict="replace"), "b")

        assert (first.is_new, second.is_new) == (True, True)
        assert driver.engine.find(index.name, "7").id == second.id

    def test_with_a_delay_it_is_a_debounce(self, driver, index, log):
        """Of many saves in a row only the last one is indexed, a while after the last save."""
        debounced = index.options(key="7", on_conflict="replace", delay=10 * MINUTE)
        saves = []
        for number in range(5):
            saves.append(debounced.start(f"save {number}"))
            driver.advance(3 * MINUTE)
        last_save = driver.clock.now() - 3 * MINUTE

        driver.advance(2 * HOUR)

        assert statuses(*saves) == ["cancelled"] * 4 + ["completed"]
        assert log == [("reserve", "save 4"), ("index", "save 4")]
        assert saves[-1].execution.started_at == last_save + 10 * MINUTE


class TestQueue:
    def test_each_begins_when_the_one_before_it_has_ended(self, driver, index, log):
        lined_up = index.options(key="7", on_conflict="queue")
        executions = [lined_up.start(document) for document in "abc"]

        driver.advance(90 * MINUTE)
        in_between = statuses(*executions)
        driver.advance(2 * HOUR)

        assert in_between == ["completed", "suspended", "pending"]
        assert statuses(*executions) == ["completed"] * 3
        assert [entry for entry in log if entry[0] == "index"] == [
            ("index", document) for document in "abc"
        ]

    def test_it_begins_after_one_that_was_started_plainly(self, driver, index, log):
        first = driver.start(index.options(key="7"), "a")
        second = driver.start(index.options(key="7", on_conflict="queue"), "b")
        while_the_first_goes_on = statuses(first, second)

        driver.advance(HOUR)

        assert while_the_first_goes_on == ["suspended", "pending"]
        assert statuses(first, second) == ["completed", "suspended"]

    def test_it_cannot_be_combined_with_a_limit(self, driver, define):
        limited = define(lambda ctx: None, limit=Limit(3))

        with pytest.raises(DefinitionError, match="two limits"):
            limited.options(key="7", on_conflict="queue").start()
        assert driver.store.list_executions() == []

    def test_nor_stand_behind_one_with_a_limit(self, driver, index):
        index.options(key="7", limit=Limit(3)).start("a")

        with pytest.raises(DefinitionError, match="nothing can be queued behind it"):
            index.options(key="7", on_conflict="queue").start("b")
        assert len(driver.store.list_executions()) == 1


class TestOptions:
    def test_a_conflict_needs_a_key(self, driver, index):
        with pytest.raises(DefinitionError, match="Give it a key"):
            index.options(on_conflict="replace").start("a")

    def test_an_unknown_word_is_refused(self, driver, index):
        with pytest.raises(DefinitionError, match="return, raise, replace, queue"):
            index.options(key="7", on_conflict="fight").start("a")
