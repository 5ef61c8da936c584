"""What people type into a search box: `status:failed workflow:shop. key:order-991 tag:eu`.

A word is a qualifier and its value, or stands alone: then it is an id, or the beginning of a key.
Quotation marks keep spaces, colons, stars and dots as they are: `key:"cart: 7"`. Nothing that is
not understood is passed over: a search that ignores a word finds the wrong executions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from durable_django.control.finding.criteria import Criteria, CriteriaError, shown
from durable_django.domain.status import ExecutionStatus, WaitKind

MAX_SEARCH_LENGTH = 200
_RETRYING = "retrying"
_UUID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\Z", re.IGNORECASE)
_QUALIFIER = re.compile(r"[a-z_]+\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    #: None if the word stands alone.
    qualifier: str | None
    value: str
    #: In quotation marks: meant to the letter.
    is_literal: bool


def parse_search(text: str) -> Criteria:
    """Return what a search asks for; nothing typed asks for every execution.

    Reads the text once, from left to right, if it is at most `MAX_SEARCH_LENGTH` characters.

    Raises:
        CriteriaError: It is too long, or a qualifier or value is not understood; the message is
            for the person who typed it.
    """
    if len(text) > MAX_SEARCH_LENGTH:
        raise CriteriaError("", _("A search has at most %d characters.") % MAX_SEARCH_LENGTH)
    criteria = Criteria()
    for word in _split(text):
        criteria = criteria.narrowed_by(_criteria_of(word))
    return criteria


def _split(text: str) -> Iterator[_Word]:
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        word, at = _read_word(text, at)
        yield word


def _read_word(text: str, at: int) -> tuple[_Word, int]:
    """Read the word that begins at `at`; return it and where it ends."""
    begin, qualifier = at, None
    while at < len(text) and not text[at].isspace():
        if text[at] == '"' and at == begin:
            value, at = _read_quoted(text, at)
            return _Word(qualifier=qualifier, value=value, is_literal=True), at
        if text[at] == ":" and qualifier is None:
            qualifier, begin = text[begin:at], at + 1
        at += 1
    return _Word(qualifier=qualifier, value=text[begin:at], is_literal=False), at


def _read_quoted(text: str, at: int) -> tuple[str, int]:
    end = text.find('"', at + 1)
    if end == -1:
        raise CriteriaError("", _("A quotation mark is not closed: %s") % shown(text[at:]))
    if end + 1 < len(text) and not text[end + 1].isspace():
        raise CriteriaError("", _("After a quotation mark comes a space: %s") % shown(text[at:]))
    return text[at + 1 : end], end + 1


def _criteria_of(word: _Word) -> Criteria:
    if word.qualifier is None:
        return _find_by_id_or_key(word)
    name = word.qualifier.lower()
    if name not in _QUALIFIERS:
        raise _unknown(word.qualifier, word.value)
    if not word.value:
        raise CriteriaError(name, _("There is no value after the colon."))
    return _QUALIFIERS[name](name, word)


def _unknown(qualifier: str, value: str) -> CriteriaError:
    whole = f"{qualifier}:{value}"
    if not _QUALIFIER.match(qualifier):
        return CriteriaError("", _("A key with a colon needs quotation marks: %s") % _quoted(whole))
    return CriteriaError(
        f"{shown(qualifier)}:",
        _(
            "There is no such qualifier. Known: %(known)s. If it is a key, put it in quotation marks: %(key)s"
        )
        % {"known": " ".join(f"{name}:" for name in _SUGGESTED), "key": _quoted(whole)},
    )


def _quoted(text: str) -> str:
    return f'key:"{shown(text)}"'


def _find_by_id_or_key(word: _Word) -> Criteria:
    if not word.is_literal and _UUID.match(word.value):
        return Criteria(execution_id=UUID(word.value))
    prefix = word.value if word.is_literal else word.value.removesuffix("*")
    return _make("key_prefix", prefix)


def _make(field: str, value: Any) -> Criteria:
    return Criteria(**{field: value})


def _exact(field: str) -> Callable[[str, _Word], Criteria]:
    def build(name: str, word: _Word) -> Criteria:
        if word.value.endswith("*") and not word.is_literal:
            raise CriteriaError(
                name, _("It takes a whole value; only workflow: and key: take a beginning.")
            )
        return _make(field, word.value)

    return build


def _exact_or_prefix(field: str) -> Callable[[str, _Word], Criteria]:
    """A star or a dot at the end means: what begins so."""

    def build(_name: str, word: _Word) -> Criteria:
        if word.is_literal or not word.value.endswith(("*", ".")):
            return _make(field, word.value)
        return _make(f"{field}_prefix", word.value.removesuffix("*"))

    return build


def _from_json(
    field: str, adapt: Callable[[str], object] = str
) -> Callable[[str, _Word], Criteria]:
    def build(name: str, word: _Word) -> Criteria:
        try:
            return Criteria.from_json({field: adapt(word.value)})
        except CriteriaError as error:
            raise CriteriaError(name, error.problem) from None

    return build


def _find_by_status(name: str, word: _Word) -> Criteria:
    values = [value for value in word.value.lower().split(",") if value]
    if values == [_RETRYING]:
        return Criteria(statuses=(ExecutionStatus.SUSPENDED,), waiting_kind=WaitKind.RETRY)
    if _RETRYING in values:
        raise CriteriaError(name, _("'retrying' stands alone: it is a kind of waiting."))
    try:
        return Criteria.from_json({"statuses": [_STATUS_ALIASES.get(v, v) for v in values]})
    except CriteriaError as error:
        raise CriteriaError(name, error.problem) from None


def _find_by_presence(name: str, word: _Word) -> Criteria:
    if word.value.lower() != "error":
        raise CriteriaError(name, _("Only has:error is known."))
    return Criteria(has_error=True)


def _find_by_family(name: str, word: _Word) -> Criteria:
    is_child = _FAMILY.get(word.value.lower())
    if is_child is None:
        raise CriteriaError(name, _("Only is:child and is:root are known."))
    return Criteria(is_child=is_child)


def _read_version(value: str) -> object:
    # No longer than any number that is legal: longer ones are slow to read.
    is_number = value.isdecimal() and value.isascii() and len(value) <= len(str(2**31))
    return int(value) if is_number else value


def _find_by_time(field: str) -> Callable[[str, _Word], Criteria]:
    def build(name: str, word: _Word) -> Criteria:
        try:
            instant = datetime.fromisoformat(word.value)
            if instant.tzinfo is None:
                instant = instant.replace(tzinfo=timezone.get_current_timezone())
            return _make(field, instant.astimezone(UTC))
        except CriteriaError as error:
            raise CriteriaError(name, error.problem) from None
        except (ValueError, OverflowError):
            problem = _("It is a day or a time, such as 2026-01-31 or 2026-01-31T09:00.")
            raise CriteriaError(name, problem) from None

    return build


#: What the pages call a status, where that is not its name.
_STATUS_ALIASES = {"waiting": ExecutionStatus.SUSPENDED.value}
_FAMILY = {"child": True, "root": False}
_QUALIFIERS: Mapping[str, Callable[[str, _Word], Criteria]] = {
    "status": _find_by_status,
    "workflow": _exact_or_prefix("workflow"),
    "version": _from_json("version", _read_version),
    "key": _exact_or_prefix("key"),
    "id": _from_json("execution_id"),
    "tag": _exact("tag"),
    "object": _exact("subject"),
    "subject": _exact("subject"),
    "queue": _exact("queue"),
    "correlation": _exact("correlation_id"),
    "parked": _from_json("park_reason", lambda value: value.lower().replace("-", "_")),
    "waiting": _exact("waiting_for"),
    "error": _exact("error_type"),
    "has": _find_by_presence,
    "forked": _from_json("forked_from"),
    "parent": _from_json("parent"),
    "is": _find_by_family,
    "after": _find_by_time("created_after"),
    "before": _find_by_time("created_before"),
}
#: In messages: without the second name of one thing.
_SUGGESTED = [name for name in _QUALIFIERS if name != "subject"]
