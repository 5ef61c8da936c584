from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.db import OperationalError, connections
from django.test import AsyncClient, RequestFactory
from rest_framework.request import Request

from durable_django import client as durable_client
from durable_django import runtime
from durable_django.api.views import streaming
from durable_django.api.views.streaming import News, Pace, Seen, look_for_news, stream
from durable_django.control.permissions import Permission
from durable_django.domain.event import Actor, ActorKind
from durable_django.engine.durable_engine import DurableEngine, EngineOptions
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.testing.driver import DurableDriver
from tests.api.doors import client_of, durable_settings, make_user, path_of, waiting_workflow

ALICE = Actor(kind=ActorKind.USER, id="7", name="alice")


@dataclass
class FakeTime:
    """A clock that stands still but for sleeping; what is to happen meanwhile happens then."""

    at: float = 0.0
    meanwhile: list[Callable[[], Any]] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.at += seconds
        await asyncio.sleep(0)
        if self.meanwhile:
            self.meanwhile.pop(0)()

    def pace(self, **fields: Any) -> Pace:
        return Pace(sleep=self.sleep, clock=lambda: self.at, **fields)


@pytest.fixture(autouse=True)
def no_connection_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the threads of the pool close theirs, or the test database cannot be dropped."""
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)


async def read(messages: AsyncIterator[Any]) -> list[str]:
    return [m if isinstance(m, str) else m.decode() async for m in messages]


def follow(look: Callable[[Seen], News], pace: Pace) -> list[str]:
    return async_to_sync(read)(stream(look, Seen(after_seq=0), pace))


def parse(text: str) -> list[tuple[str, str, Any]]:
    """Return the messages of a stream: event, id and data of each."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "event" in lines:
            found.append((lines["event"], lines.get("id", ""), json.loads(lines["data"])))
    return found


class TestPace:
    def test_it_ends_after_its_longest_time(self, db: None) -> None:
        time = FakeTime()

        said = follow(lambda seen: News(seen=seen), time.pace(longest=300.0))

        assert time.at == 300
        assert not any("event" in one for one in said)

    def test_silence_is_broken_by_a_comment(self, db: None) -> None:
        said = follow(lambda seen: News(seen=seen), FakeTime().pace(longest=60.0))

        assert said == ["retry: 2000\n\n", *[": heartbeat\n\n"] * 3]

    def test_what_was_said_is_no_silence(self, db: None) -> None:
        def look(seen: Seen) -> News:
            return News(seen=Seen(after_seq=seen.after_seq + 1), messages=("data: 1\n\n",))

        said = follow(look, FakeTime().pace(longest=60.0))

        assert ": heartbeat\n\n" not in said

    def test_more_news_are_fetched_at_once(self, db: None) -> None:
        time = FakeTime()

        def look(seen: Seen) -> News:
            after = seen.after_seq + 1
            return News(seen=Seen(after_seq=after), has_more=after < 5, is_end=after == 5)

        follow(look, time.pace())

        assert time.at == 0

    def test_a_broken_database_ends_it_without_an_end(self, db: None) -> None:
        def look(seen: Seen) -> News:
            raise OperationalError("gone")

        assert follow(look, FakeTime().pace()) == ["retry: 2000\n\n"]

    def test_between_two_looks_no_thread_is_held(self, db: None) -> None:
        looked: list[int] = []

        async def follow_many() -> None:
            time = FakeTime()
            pace = time.pace(longest=3.0)

            def look(seen: Seen) -> News:
                looked.append(1)
                return News(seen=seen)

            many = [read(stream(look, Seen(after_seq=0), pace)) for _ in range(50)]
            await asyncio.gather(*many)

        async_to_sync(follow_many)()

        assert len(looked) >= 50
        assert len(streaming._looks._threads) <= streaming.MAX_LOOKS_AT_ONCE


def open_stream(client: AsyncClient, execution_id: Any, **headers: str) -> Any:
    """Return the answer, with what was streamed as `told`."""

    async def fetch() -> Any:
        given = {"accept": "text/event-stream", **headers}
        answer: Any = await client.get(path_of(execution_id, "stream"), headers=given)
        if answer.streaming:
            answer.told = "".join(await read(answer.streaming_content))
        return answer

    return async_to_sync(fetch)()


@pytest.fixture
def client(db: None) -> AsyncClient:
    client = AsyncClient()
    client.force_login(make_user(Permission.VIEW))
    return client


@pytest.mark.django_db(transaction=True)
class TestStream:
    @pytest.fixture
    def engine(self) -> Iterator[DurableEngine]:
        engine = runtime.build_engine(dispatcher=None, options=EngineOptions(renews_leases=False))
        former = runtime.use_engine(engine)
        yield engine
        runtime.use_engine(former)
        engine.dispose()

    @pytest.fixture
    def execution(self, engine: DurableEngine) -> Iterator[ExecutionHandle[Any]]:
        with waiting_workflow("api.streaming") as waiting:
            execution = waiting.start()
            engine.drain(["default"])
            yield execution

    @pytest.fixture
    def time(self, monkeypatch: pytest.MonkeyPatch) -> FakeTime:
        time = FakeTime()
        monkeypatch.setattr(streaming.StreamView, "pace", time.pace(longest=10.0))
        return time

    def test_it_tells_the_state_the_acts_and_the_end(
        self, engine: DurableEngine, execution: Any, client: AsyncClient, time: FakeTime
    ) -> None:
        def approve() -> None:
            durable_client.signal(execution.id, "approved", 1, by=ALICE)
            engine.drain(["default"])

        time.meanwhile = [lambda: None, in_a_thread(approve)]

        answer = open_stream(client, execution.id)

        told = parse(answer.told)
        assert answer.status_code == 200
        assert answer["Content-Type"] == "text/event-stream"
        assert [event for event, _, _ in told] == ["state", "state", "act", "end"]
        assert [data["status"] for event, _, data in told if event == "state"] == [
            "suspended",
            "completed",
        ]
        assert told[2][2]["type"] == "signalled"
        assert told[2][1] == str(told[2][2]["seq"])
        assert told[3][2] == {"status": "completed"}

    def test_it_says_the_same_as_the_execution_by_itself(
        self, execution: Any, client: AsyncClient, time: FakeTime
    ) -> None:
        asked = async_to_sync(client.get)(path_of(execution.id))

        [(_, _, state)] = parse(open_stream(client, execution.id).told)

        assert state.keys() <= asked.json().keys()
        assert state == {key: asked.json()[key] for key in state}

    def test_a_state_that_stays_is_told_once(
        self, execution: Any, client: AsyncClient, time: FakeTime
    ) -> None:
        told = parse(open_stream(client, execution.id).told)

        assert [event for event, _, _ in told] == ["state"]
        assert time.at == 10

    def test_who_connects_again_gets_no_act_twice(
        self, execution: Any, client: AsyncClient, time: FakeTime
    ) -> None:
        durable_client.pause(execution.id, by=ALICE)
        durable_client.resume(execution.id, by=ALICE)
        first = [seq for event, seq, _ in parse(open_stream(client, execution.id).told) if seq]

        again = parse(open_stream(client, execution.id, **{"last-event-id": first[0]}).told)

        assert [seq for _, seq, _ in again if seq] == first[1:]

    def test_more_acts_than_a_page_are_all_told(
        self, execution: Any, client: AsyncClient, time: FakeTime, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr(streaming, "MAX_LIMIT", 2)
        for _ in range(3):
            durable_client.pause(execution.id, by=ALICE)
            durable_client.resume(execution.id, by=ALICE)
        durable_client.cancel(execution.id, by=ALICE)
        runtime.engine().drain(["default"])

        told = parse(open_stream(client, execution.id).told)

        seqs = [int(seq) for _, seq, _ in told if seq]
        assert len(seqs) == 7
        assert seqs == sorted(set(seqs))
        assert told[-1] == ("end", "", {"status": "cancelled"})

    def test_what_leaves_the_users_sight_ends(
        self, execution: Any, client: AsyncClient, time: FakeTime
    ) -> None:
        hidden = durable_settings(SCOPE="tests.api.doors.see_nothing")
        time.meanwhile = [hidden.__enter__]

        try:
            told = parse(open_stream(client, execution.id).told)
        finally:
            hidden.__exit__(None, None, None)

        assert [event for event, _, _ in told] == ["state", "end"]
        assert told[-1][2] == {"status": None}

    def test_a_stream_keeps_no_connection_of_the_request(
        self, execution: Any, client: AsyncClient, time: FakeTime
    ) -> None:
        open_ones: list[bool] = []
        time.meanwhile = [lambda: None]

        async def fetch() -> None:
            answer: Any = await client.get(path_of(execution.id, "stream"))
            async for _ in answer.streaming_content:
                look = streaming.sync_to_async(lambda: connections["default"].connection)
                open_ones.append(await look() is not None)

        async_to_sync(fetch)()

        assert open_ones
        assert not any(open_ones)

    def test_a_process_takes_no_more_streams_than_it_can_look_after(
        self, execution: Any, client: AsyncClient, time: FakeTime, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr(streaming, "MAX_STREAMS", 1)
        seconds: list[Any] = []

        async def follow_two() -> None:
            first: Any = await client.get(path_of(execution.id, "stream"))
            async for _ in first.streaming_content:
                if not seconds:
                    seconds.append(await client.get(path_of(execution.id, "stream")))

        async_to_sync(follow_two)()
        after = open_stream(client, execution.id)

        assert (seconds[0].status_code, seconds[0].json()["code"]) == (429, "throttled")
        assert seconds[0]["Retry-After"] == "2"
        assert after.status_code == 200

    def test_a_client_that_goes_away_ends_it(
        self, execution: Any, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(streaming.StreamView, "pace", Pace(look=0.01))
        name = settings.SESSION_COOKIE_NAME
        cookie = f"{name}={client.cookies[name].value}"
        scope = {
            "type": "http",
            "method": "GET",
            "path": path_of(execution.id, "stream"),
            "query_string": b"",
            "headers": [(b"host", b"testserver"), (b"cookie", cookie.encode())],
        }

        async def connect_and_leave() -> str:
            server = ApplicationCommunicator(get_asgi_application(), scope)
            await server.send_input({"type": "http.request"})
            begun = await server.receive_output(20)
            assert begun["status"] == 200
            said = ""
            while "event: state" not in said:
                said += (await server.receive_output(20))["body"].decode()
            await server.send_input({"type": "http.disconnect"})
            await server.wait(20)
            return said

        said = async_to_sync(connect_and_leave)()

        assert [event for event, _, _ in parse(said)] == ["state"]
        assert not streaming._open_streams


@pytest.mark.django_db
def test_a_look_that_finds_no_news_takes_two_queries(
    durable: DurableDriver, rf: RequestFactory, django_assert_num_queries: Any
) -> None:
    request = Request(rf.get("/"))
    request.user = make_user(Permission.VIEW)
    with waiting_workflow("api.streaming") as waiting:
        execution = durable.start(waiting)
        first = look_for_news(request, execution.id, Seen(after_seq=0))

        with django_assert_num_queries(2):
            second = look_for_news(request, execution.id, first.seen)

    assert (len(first.messages), second) == (1, News(seen=first.seen))


class TestRefusals:
    """No look is taken, so that all happens on the test's own connection."""

    @pytest.fixture
    def execution(self, durable: DurableDriver) -> Iterator[ExecutionHandle[Any]]:
        with waiting_workflow("api.streaming") as waiting:
            yield durable.start(waiting)

    @pytest.mark.parametrize("last_id", ["x", "-1", str(2**63), "1" * 400, "1 2"])
    def test_a_last_id_that_is_none_of_ours_is_400(
        self, execution: Any, client: AsyncClient, last_id: str
    ) -> None:
        answer = open_stream(client, execution.id, **{"last-event-id": last_id})

        assert answer.status_code == 400
        assert answer["Content-Type"] == "application/problem+json"

    @pytest.mark.parametrize("execution_id", ["00000000-0000-7000-8000-000000000000", "x"])
    def test_an_unknown_execution_is_404(self, client: AsyncClient, execution_id: str) -> None:
        assert open_stream(client, execution_id).status_code == 404

    def test_what_is_out_of_scope_is_404(self, execution: Any, client: AsyncClient) -> None:
        with durable_settings(SCOPE="tests.api.doors.see_nothing"):
            assert open_stream(client, execution.id).status_code == 404

    def test_nobody_follows_without_the_permission(self, execution: Any) -> None:
        client = AsyncClient()
        client.force_login(make_user())

        assert open_stream(client, execution.id).status_code == 403
        assert open_stream(AsyncClient(), execution.id).status_code in (401, 403)

    def test_head_begins_no_stream(self, execution: Any, client: AsyncClient) -> None:
        answer = async_to_sync(client.head)(path_of(execution.id, "stream"))

        assert (answer.status_code, answer.streaming) == (200, False)
        assert answer["Content-Type"] == "text/event-stream"


def in_a_thread(act: Callable[[], None]) -> Callable[[], None]:
    """Return an act for a coroutine's midst, where Django refuses to query."""

    def act_tidily() -> None:
        try:
            act()
        finally:
            connections.close_all()

    def run() -> None:
        streaming._looks.submit(act_tidily).result(timeout=20)

    return run


@pytest.mark.django_db
def test_under_wsgi_there_is_no_stream(durable: DurableDriver) -> None:
    with waiting_workflow("api.streaming") as waiting:
        execution = durable.start(waiting)

        answer = client_of(Permission.VIEW).get(path_of(execution.id, "stream"))

    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
