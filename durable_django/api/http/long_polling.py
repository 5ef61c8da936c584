"""Hold a request until there is news, if the project allows that: `?wait=seconds`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TypeVar

from durable_django.api.http.query import QueryParameter, invalid_parameter
from durable_django.conf import settings

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0


def _to_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ValueError("It is a number of seconds, 0 or more.")
    return seconds


WAIT = QueryParameter(
    name="wait",
    description=(
        "How many seconds to wait for news: for another version than `If-None-Match` names, or "
        "than there is now. Each such request holds a thread of the server, so it is refused "
        "unless `DURABLE['REST_MAX_WAIT_SECONDS']` allows it."
    ),
    schema={"type": "number", "minimum": 0},
    parse=_to_seconds,
    default=0.0,
)


def check_wait(seconds: float) -> None:
    """Refuse a wait that is longer than the project allows.

    Raises:
        ProblemError: It is.
    """
    most = settings().rest_max_wait_seconds
    if seconds <= most:
        return
    if most == 0:
        raise invalid_parameter(
            "wait", "Long-polling is off here: poll with If-None-Match, after Durable-Poll-After."
        )
    raise invalid_parameter("wait", f"It is at most {most:g} seconds.")


def wait_for_news(
    look: Callable[[], T],
    is_news: Callable[[T], bool],
    seconds: float,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Look until it is news or the seconds are over; return the last look."""
    end = clock() + seconds
    pause = _FIRST_PAUSE
    while True:
        seen = look()
        left = end - clock()
        if left <= 0 or is_news(seen):
            return seen
        sleep(min(pause, left))
        pause = min(pause * 2, _LONGEST_PAUSE)
