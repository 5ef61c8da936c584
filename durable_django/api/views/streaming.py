"""Follow an execution without asking again: Server-Sent Events, under ASGI only.

A stream is a coroutine that looks now and then. Between two looks it holds no thread and no
database connection; the looks of all streams of a process share a few threads. It says:

* `event: state` with the execution, as it is retrieved: at once, and when its ETag has changed;
* `event: act` with an act of the feed, and its number as `id:`, so that a client that connects
  again (`Last-Event-ID`) misses none and gets none twice;
* a comment when nothing was said for a while, or something on the way takes it for dead;
* `event: end` once the execution has ended: the client closes now, or it connects again.

After five minutes a stream ends without that, and the client connects again: who lost the
permission meanwhile is told so then. What leaves the user's scope ends at the next look.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import Error as AnyDatabaseError
from django.db import close_old_connections, connections
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from durable_django.api.finding import load_visible
from durable_django.api.http.describing import describe
from durable_django.api.http.etags import tag_of
from durable_django.api.http.negotiation import AlwaysJson
from durable_django.api.http.problems import BAD_REQUEST, THROTTLED, ProblemError
from durable_django.api.http.viewset import DurableView
from durable_django.api.representing import represent_whole
from durable_django.api.views.feed import MAX_LIMIT, MAX_SEQ, read_feed
from durable_django.control.scope import find_visible
from durable_django.exceptions import ExecutionNotFoundError

logger = logging.getLogger(__name__)

STREAM_TYPE = "text/event-stream"
#: The most threads, and so the most database connections, of all streams of a process.
MAX_LOOKS_AT_ONCE = 4
#: After this long a client that lost its stream connects again, in milliseconds.
RECONNECT_MS = 2000

#: More streams than that of one process would wait for each other's looks.
MAX_STREAMS = 1000

#: One mark for each stream that is open.
_open_streams: set[object] = set()
_looks = ThreadPoolExecutor(MAX_LOOKS_AT_ONCE, thread_name_prefix="durable-stream")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long a stream does what, in seconds of `clock`."""

    #: From one look to the next.
    look: float = 1.0
    #: From the last word to a comment.
    heartbeat: float = 15.0
    #: From the beginning to an end that is none of the execution's.
    longest: float = 300.0
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a client was told so far."""

    after_seq: int
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What a look found."""

    seen: Seen
    messages: tuple[str, ...] = ()
    #: Nothing more will come.
    is_end: bool = False
    #: There are more acts than one look tells of.
    has_more: bool = False


class StreamView(DurableView):
    """The stream of one execution."""

    content_negotiation_class = AlwaysJson
    pace = Pace()

    @describe(
        operation_id="executions_stream",
        summary="Follow the execution by Server-Sent Events; only where the server speaks ASGI.",
        tag="executions",
        answers={200: {"type": "string"}},
        problems=(400, 404, 429),
        headers={"Last-Event-ID": "The number of the last act that was received."},
        media_types=(STREAM_TYPE,),
    )
    def get(self, request: Request, execution_id: str) -> HttpResponseBase:
        """Begin to stream."""
        seen = self._check(request)
        execution = load_visible(request, execution_id)
        _refuse_crowd()
        look = partial(look_for_news, request, execution.pk)
        messages = _counted(stream(look, seen, self.pace))
        response = StreamingHttpResponse(messages, content_type=STREAM_TYPE)
        response["Cache-Control"] = "no-store"
        # nginx would else keep what is said until it has a page of it.
        response["X-Accel-Buffering"] = "no"
        return response

    def head(self, request: Request, execution_id: str) -> HttpResponseBase:
        """Say that there is a stream, and do not begin one."""
        self._check(request)
        load_visible(request, execution_id)
        return HttpResponse(content_type=STREAM_TYPE, headers={"Cache-Control": "no-store"})

    def _check(self, request: Request) -> Seen:
        # Under WSGI each stream would hold a thread of the server: there is none, then.
        if not isinstance(request._request, ASGIRequest):  # noqa: SLF001 -- what DRF wraps
            raise NotFound(_("There are streams only where the server speaks ASGI."))
        return Seen(after_seq=_read_last_id(request.headers.get("Last-Event-ID", "")))


async def stream(look: Callable[[Seen], News], seen: Seen, pace: Pace) -> AsyncGenerator[str, None]:
    """Yield what a stream says, until the execution or the stream's time has ended.

    `look` is called in a thread of the pool; an error of the database ends the stream, and the
    client connects again.
    """
    # Who asks was looked up in the request's own thread, whose connection nobody needs now.
    await sync_to_async(_close_connections, thread_sensitive=True)()
    look_aside = sync_to_async(_tidily(look), thread_sensitive=False, executor=_looks)
    began_at = spoke_at = pace.clock()
    yield f"retry: {RECONNECT_MS}\n\n"
    while pace.clock() - began_at < pace.longest:
        try:
            news = await look_aside(seen)
        except AnyDatabaseError:
            logger.warning("Stream broke off", exc_info=True)
            return
        seen = news.seen
        for message in news.messages:
            spoke_at = pace.clock()
            yield message
        if news.is_end:
            return
        if pace.clock() - spoke_at >= pace.heartbeat:
            spoke_at = pace.clock()
            yield ": heartbeat\n\n"
        if not news.has_more:
            await pace.sleep(pace.look)


def _refuse_crowd() -> None:
    if len(_open_streams) >= MAX_STREAMS:
        raise ProblemError(
            THROTTLED,
            _("As many streams are open as one process takes: poll, or try again."),
            headers={"Retry-After": str(RECONNECT_MS // 1000)},
        )


async def _counted(messages: AsyncGenerator[str, None]) -> AsyncIterator[str]:
    """Yield the messages, and count the stream for as long as somebody reads it."""
    mark = object()
    _open_streams.add(mark)
    try:
        async with aclosing(messages):
            async for message in messages:
                yield message
    finally:
        _open_streams.discard(mark)


def look_for_news(request: Request, execution_id: UUID, seen: Seen) -> News:
    """Return what there is to tell whoever has seen this much; two queries if there is nothing."""
    try:
        execution = find_visible(request.user, execution_id)
    except ExecutionNotFoundError:
        return News(seen=seen, messages=(_message("end", {"status": None}),), is_end=True)
    tag = tag_of(request, execution)
    if tag == seen.tag:
        return News(seen=seen)
    # The tag before the acts: what is done in between is told now, and looked for again.
    feed = read_feed(execution, after=seen.after_seq, limit=MAX_LIMIT)
    acts, is_end = feed["results"], feed["is_terminal"]
    has_more = len(acts) == MAX_LIMIT
    messages = [_message("state", represent_whole(request, execution))]
    messages += [_message("act", act, act["seq"]) for act in acts]
    if is_end and not has_more:
        messages.append(_message("end", {"status": execution.status}))
    return News(
        # With more to come, the next look must not take the state for known.
        seen=Seen(after_seq=feed["next_after_seq"], tag="" if has_more else tag),
        messages=tuple(messages),
        is_end=is_end and not has_more,
        has_more=has_more,
    )


def _message(event: str, data: object, seq: int | None = None) -> str:
    # JSON on one line: a line end would end the message, and the encoder writes none.
    lines = [f"event: {event}", f"data: {_to_json(data)}"]
    if seq is not None:
        lines.insert(0, f"id: {seq}")
    return "\n".join(lines) + "\n\n"


def _to_json(data: object) -> str:
    return json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _read_last_id(text: str) -> int:
    if not text:
        return 0
    if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_SEQ)):
        number = int(text)
        if number <= MAX_SEQ:
            return number
    raise ProblemError(BAD_REQUEST, _("Last-Event-ID is the number of an act."))


def _tidily(look: Callable[[Seen], News]) -> Callable[[Seen], News]:
    """Return `look` with the thread's connections kept as between two requests."""

    def run(seen: Seen) -> News:
        close_old_connections()
        try:
            return look(seen)
        finally:
            close_old_connections()

    return run


def _close_connections() -> None:
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
