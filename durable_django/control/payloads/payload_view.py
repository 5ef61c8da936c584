"""A stored payload as people and API clients may see it: decrypted, plain, redacted, bounded.

The text is parsed and never decoded: showing an execution fetches no model reference and builds no
object. What cannot be shown says why; nothing here fails because of what is stored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from django.utils.translation import gettext, ngettext

from durable_django.control.payloads.plain_json import read_tagged
from durable_django.control.payloads.redaction import HIDDEN, redact
from durable_django.control.payloads.step_arguments import name_arguments
from durable_django.exceptions import PayloadError
from durable_django.runtime import engine

#: Larger texts are for downloading.
MAX_SHOWN_BYTES = 65_536
MAX_PREVIEW_LENGTH = 120
#: More rows than this are shown as text: a browser is slow with so many.
MAX_ROWS = 2_000
_OPEN_LEVELS = 2


class PayloadState(StrEnum):
    """Whether a payload can be shown, or why not."""

    SHOWN = "shown"
    #: The user may not see payloads.
    HIDDEN = "hidden"
    #: There is none (yet). A stored null is a payload.
    EMPTY = "empty"
    #: It cannot be decrypted or is no JSON.
    UNDECODABLE = "undecodable"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadRow:
    """One line of the tree: a value, or the begin or the end of a container."""

    is_begin: bool = False
    is_end: bool = False
    #: Whether the container is unfolded at first.
    is_open: bool = False
    #: What it is called in its container: a key or an index; empty at the top.
    name: str = ""
    #: The value as JSON, or how much the container holds.
    text: str = ""
    #: string, number, word or hidden: for the stylesheet.
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadView:
    """What may be shown of one stored payload."""

    state: PayloadState
    #: The value as plain JSON, redacted; None unless it is shown.
    json: Any = None
    #: One line of it, or why there is none.
    preview: str = ""
    #: Of the stored text, UTF-8.
    size_bytes: int = 0

    @property
    def text(self) -> str:
        """The value as indented JSON, with all that is not printable spelled out."""
        return _printable(json.dumps(self.json, ensure_ascii=False, indent=2), keep="\n")

    @property
    def rows(self) -> list[PayloadRow] | None:
        """The value as a tree, line by line; None if that would be too many."""
        rows: list[PayloadRow] = []
        for row in _rows_of(self.json, "", 0):
            rows.append(row)
            if len(rows) > MAX_ROWS:
                return None
        return rows


def view_payload(text: str | None, *, may_see: bool) -> PayloadView:
    """Return the view of a stored payload's text for a user who may, or may not, see payloads."""
    return _view(text, _as_it_is, may_see=may_see)


def view_arguments(text: str | None, action: str, *, may_see: bool) -> PayloadView:
    """Return the view of a step's arguments, by name where its `action` (a path) is known here.

    They are stored by position. Under its name an argument is known as a secret; without, it is
    shown like any other.
    """
    return _view(text, partial(name_arguments, action), may_see=may_see)


def payload_json(text: str | None, *, may_see: bool) -> Any:
    """Return a stored payload as redacted plain JSON, whatever its size; None if there is none.

    `{"hidden": true}` stands for one that the user may not see, and
    `{"undecodable": true, "detail": "…"}` for one that cannot be read.
    """
    return _json(text, _as_it_is, may_see=may_see)


def arguments_json(text: str | None, action: str, *, may_see: bool) -> Any:
    """Return a step's arguments as `payload_json` does, by name as in `view_arguments`."""
    return _json(text, partial(name_arguments, action), may_see=may_see)


def _view(text: str | None, arrange: Callable[[Any], Any], *, may_see: bool) -> PayloadView:
    if text is None or text == "":
        return PayloadView(state=PayloadState.EMPTY)
    size = len(text.encode("utf-8", "surrogatepass"))
    if not may_see:
        return PayloadView(state=PayloadState.HIDDEN, preview=gettext("hidden"), size_bytes=size)
    if size > MAX_SHOWN_BYTES:
        return PayloadView(
            state=PayloadState.TOO_LARGE, preview=gettext("too large to show"), size_bytes=size
        )
    try:
        value = redact(arrange(_read(text)))
    except PayloadError as error:
        return PayloadView(
            state=PayloadState.UNDECODABLE, preview=_printable(error.problem), size_bytes=size
        )
    return PayloadView(
        state=PayloadState.SHOWN, json=value, preview=_preview(value), size_bytes=size
    )


def _json(text: str | None, arrange: Callable[[Any], Any], *, may_see: bool) -> Any:
    if text is None or text == "":
        return None
    if not may_see:
        return {"hidden": True}
    try:
        return redact(arrange(_read(text)))
    except PayloadError as error:
        return {"undecodable": True, "detail": error.problem}


def _as_it_is(value: Any) -> Any:
    return value


def _read(text: str) -> Any:
    """Return the value of a stored payload's text as plain JSON, not redacted.

    Raises:
        PayloadError: It cannot be decrypted, or is no JSON (a codec's own format).
    """
    plain = engine().payloads.unseal(text, "The payload")
    try:
        return read_tagged(json.loads(plain))
    except RecursionError:
        raise PayloadError("The payload", "is nested too deep to be shown.") from None
    except ValueError:
        raise PayloadError("The payload", "is no JSON, and nothing else can be shown.") from None


def _preview(value: Any) -> str:
    # Only as much of it as is shown.
    text = ""
    for piece in json.JSONEncoder(ensure_ascii=False).iterencode(value):
        text += piece
        if len(text) > MAX_PREVIEW_LENGTH:
            return _printable(text[: MAX_PREVIEW_LENGTH - 1]) + "…"
    return _printable(text)


def _rows_of(value: Any, name: str, level: int) -> Iterator[PayloadRow]:
    if not isinstance(value, (dict, list)) or not value:
        yield PayloadRow(name=name, text=_text_of(value), kind=_kind_of(value))
        return
    yield PayloadRow(
        is_begin=True, is_open=level < _OPEN_LEVELS, name=name, text=_summary_of(value)
    )
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield from _rows_of(item, _printable(str(key)) or '""', level + 1)
    yield PayloadRow(is_end=True)


def _summary_of(value: dict[str, Any] | list[Any]) -> str:
    count = len(value)
    if isinstance(value, dict):
        return ngettext("{%(count)d key}", "{%(count)d keys}", count) % {"count": count}
    return ngettext("[%(count)d item]", "[%(count)d items]", count) % {"count": count}


def _text_of(value: Any) -> str:
    return value if value == HIDDEN else _printable(json.dumps(value, ensure_ascii=False))


def _kind_of(value: Any) -> str:
    if value == HIDDEN:
        return "hidden"
    if isinstance(value, str):
        return "string"
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return "number" if is_number else "word"


def _printable(text: str, keep: str = "") -> str:
    """Return it with what a page would obey and not show spelled out: U+202E turns text around."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text
    )
