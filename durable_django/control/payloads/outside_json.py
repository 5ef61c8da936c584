"""JSON that comes from outside: one gate for the admin, the API, the hooks and the commands.

What passes can be stored, read back, sent on and shown, and is plain data: an object whose keys
look like the codec's tags (`{"$model": …}`) stays an object with such keys, because the codec
escapes it when it is stored. Python callers go through `Payloads.encode` alone, which refuses what
cannot be stored, and takes more than this gate does: text with NUL, tuples, dates.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from durable_django.codecs.refusal import describe_type, segment_of
from durable_django.conf import settings
from durable_django.exceptions import PayloadError
from durable_django.runtime import engine

MAX_NODES = 10_000
MAX_KEY_LENGTH = 200

_SCALARS = frozenset({str, int, float, bool, type(None)})


def parse_payload(text: str | bytes, what: str) -> Any:
    """Return the value of JSON text from outside. Nesting is measured before anything is parsed.

    Integers may have up to 4300 digits, as in everything that is stored: Python keeps them exact.

    Raises:
        PayloadError: Not UTF-8, not JSON, larger or deeper than the settings allow, more than
            10,000 values, a key given twice or longer than 200 characters, a number without an
            exact meaning (NaN, Infinity, 1e999), text with a NUL character or a lone surrogate.
            `what` says whose it is: "The body".
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as exc:
            raise PayloadError(what, f"is not UTF-8 (byte {exc.start}).") from None
    return validate_payload(engine().payloads.check_text(text, what), what)


def validate_payload(value: Any, what: str = "The payload") -> Any:
    """Return a parsed JSON value from outside as it is, having checked it.

    For what came with something else, such as the `input` of a request's body; the body's own text
    goes through `parse_payload`, because too deep a nesting breaks the parser itself.

    Raises:
        PayloadError: As `parse_payload`; or it is not JSON at all.
    """
    _check_parts(value, what)
    # The limit on bytes, and on the depth that it has once its tags are escaped.
    engine().payloads.encode(value, what)
    return value


def _check_parts(value: Any, what: str) -> None:
    """Look at every part, without recursion: a value may be deeper than the stack."""
    max_depth = settings().max_payload_depth
    seen = 0
    rest: list[tuple[Any, str, int]] = [(value, "$", 0)]
    while rest:
        part, path, depth = rest.pop()
        problem = _find_problem(part)
        if problem is not None:
            raise PayloadError(what, f"{path} {problem}")
        if not isinstance(part, (dict, list)):
            continue
        seen += len(part)
        if seen >= MAX_NODES:
            raise PayloadError(what, f"holds more than {MAX_NODES} values.")
        if depth >= max_depth:
            raise PayloadError(what, f"is nested more than {max_depth} levels deep.")
        rest.extend((item, path + segment, depth + 1) for segment, item in _items(part))


def _items(part: dict[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(part, dict):
        return ((segment_of(key), item) for key, item in part.items())
    return ((f"[{index}]", item) for index, item in enumerate(part))


def _find_problem(part: Any) -> str | None:
    """Return what is wrong with the part itself, not with what it holds."""
    kind = type(part)
    if kind is str:
        return _find_problem_of_text(part)
    if kind is dict:
        return next(filter(None, map(_find_problem_of_key, part)), None)
    if kind is list or kind in _SCALARS:
        return None
    return f"is of type {describe_type(kind)}, which is no JSON."


def _find_problem_of_key(key: Any) -> str | None:
    if type(key) is not str:
        return f"has a key of type {describe_type(type(key))}; keys are text."
    if len(key) > MAX_KEY_LENGTH:
        return f"has a key of {len(key)} characters, and the limit is {MAX_KEY_LENGTH}."
    problem = _find_problem_of_text(key)
    return problem and f"has a key that {problem}"


def _find_problem_of_text(text: str) -> str | None:
    if "\0" in text:
        return "holds a NUL character."
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            return "holds a lone surrogate."
    return None
