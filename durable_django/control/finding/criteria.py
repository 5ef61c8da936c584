"""What to look for among executions: a value that people type, programs send and tables keep.

Every value is checked when the criteria are made, so that nothing a user typed reaches a database
that could not take it (NUL, lone surrogates, numbers and years out of range).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from durable_django.domain.identifiers import MAX_KEY_LENGTH, MAX_NAME_LENGTH
from durable_django.domain.status import ExecutionStatus, ParkReason, WaitKind
from durable_django.exceptions import DurableError

_MAX_VERSION = 2**31 - 1
_MAX_CALL_NAME_LENGTH = 500
_MAX_SHOWN = 60
#: Before it no id was minted; after it some databases and time zones can no longer reckon.
_FIRST_YEAR, _LAST_YEAR = 1970, 9998


class CriteriaError(DurableError, ValueError):
    """Something that is no criterion, or no legal value of one; says which, and what is legal."""

    def __init__(self, key: str, problem: str) -> None:
        self.key = key
        self.problem = problem
        super().__init__(f"{key}: {problem}" if key else problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What executions must all fulfil; without any, every execution does.

    Raises:
        CriteriaError: A value is not legal; its `key` names the field.
    """

    #: One of these.
    statuses: tuple[ExecutionStatus, ...] = ()
    workflow: str | None = None
    workflow_prefix: str | None = None
    version: int | None = None
    key: str | None = None
    key_prefix: str | None = None
    execution_id: UUID | None = None
    tag: str | None = None
    #: The business object, such as `shop.order:991`.
    subject: str | None = None
    correlation_id: str | None = None
    queue: str | None = None
    park_reason: ParkReason | None = None
    #: An error's class, with its module (`shop.errors.CardDeclined`) or without.
    error_type: str | None = None
    #: The name of the signal, timer or step that a suspended execution waits for.
    waiting_for: str | None = None
    waiting_kind: WaitKind | None = None
    has_error: bool | None = None
    #: Aware instants: `after` is included, `before` is not.
    created_after: datetime | None = None
    created_before: datetime | None = None
    finished_after: datetime | None = None
    finished_before: datetime | None = None
    #: Forks of this execution.
    forked_from: UUID | None = None
    #: Children of this execution.
    parent: UUID | None = None
    #: Whether another execution started it.
    is_child: bool | None = None

    def __post_init__(self) -> None:
        for key, value in self._given().items():
            _FIELDS[key].check(key, value)

    @property
    def names_something(self) -> bool:
        """Whether it asks for something by its name, so that its age does not matter."""
        names = (self.execution_id, self.key, self.key_prefix, self.subject, self.forked_from)
        return any(name is not None for name in (*names, self.correlation_id, self.parent))

    def narrowed_by(self, other: Criteria) -> Criteria:
        """Return what both ask for.

        Raises:
            CriteriaError: They ask for two different values of one field.
        """
        given = self._given()
        for key, value in other._given().items():
            if key == "statuses" and key in given:
                given[key] = _common_statuses(self.statuses, other.statuses)
            elif given.setdefault(key, value) != value:
                raise CriteriaError(key, f"It cannot be both {given[key]} and {value}.")
        return replace(self, **given)

    def to_json(self) -> dict[str, Any]:
        """Return the criteria that are given, as JSON: ids and instants (ISO 8601) as text."""
        return {key: _FIELDS[key].to_json(value) for key, value in self._given().items()}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read what `to_json` wrote, or what a stranger sent.

        Raises:
            CriteriaError: It is no object, has a key that is no criterion, or a value that is not
                legal; the error's `key` says which.
        """
        if not isinstance(value, Mapping):
            raise CriteriaError("", f"Criteria are a JSON object, not {type(value).__name__}.")
        given = {}
        for key, item in value.items():
            if key not in _FIELDS:
                raise CriteriaError(shown(key), f"No such criterion. Known: {', '.join(_FIELDS)}.")
            if item is None:
                raise CriteriaError(key, "It is not null: leave out what is not asked for.")
            given[key] = _FIELDS[key].from_json(key, item)
        return cls(**given)

    def _given(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {key: value for key, value in values.items() if value is not None and value != ()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """How one criterion is checked, and how it goes to JSON and comes back."""

    check: Callable[[str, Any], None]
    from_json: Callable[[str, object], Any]
    to_json: Callable[[Any], Any] = str


def shown(value: object) -> str:
    """Return a stranger's value as a message may repeat it: short, and printable."""
    text = value if isinstance(value, str) else str(value)
    if len(text) > _MAX_SHOWN:
        text = f"{text[:_MAX_SHOWN]}…"
    return text if text.isprintable() else ascii(text)[1:-1]


def _text(longest: int) -> _Field:
    def check(key: str, value: object) -> None:
        if isinstance(value, str) and 0 < len(value) <= longest and value.isprintable():
            return
        raise CriteriaError(key, f"It is text of 1 to {longest} printable characters.")

    return _Field(check=check, from_json=_as_it_is)


def _choice(values: type[StrEnum]) -> _Field:
    def check(key: str, value: object) -> None:
        if not isinstance(value, values):
            raise _not_one_of(key, value, values)

    def read(key: str, value: object) -> StrEnum:
        return _read_choice(key, value, values)

    return _Field(check=check, from_json=read)


def _read_choice(key: str, value: object, values: type[StrEnum]) -> StrEnum:
    for known in values:
        if value == known.value and known.value:
            return known
    raise _not_one_of(key, value, values)


def _not_one_of(key: str, value: object, values: type[StrEnum]) -> CriteriaError:
    known = ", ".join(choice.value for choice in values if choice.value)
    return CriteriaError(key, f"'{shown(value)}' is none of: {known}.")


def _read_statuses(key: str, value: object) -> tuple[StrEnum, ...]:
    if not isinstance(value, (list, tuple)) or not value:
        raise CriteriaError(key, "It is a list of at least one status.")
    return tuple(dict.fromkeys(_read_choice(key, one, ExecutionStatus) for one in value))


def _check_statuses(key: str, value: object) -> None:
    if not isinstance(value, tuple):
        raise CriteriaError(key, "It is a tuple of statuses.")
    for one in value:
        if not isinstance(one, ExecutionStatus):
            raise _not_one_of(key, one, ExecutionStatus)


def _common_statuses(
    some: tuple[ExecutionStatus, ...], others: tuple[ExecutionStatus, ...]
) -> tuple[ExecutionStatus, ...]:
    common = tuple(status for status in some if status in others)
    if not common:
        raise CriteriaError(
            "statuses", f"None is both {' or '.join(some)} and {' or '.join(others)}."
        )
    return common


def _check_version(key: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MAX_VERSION:
        raise CriteriaError(key, f"It is a whole number from 1 to {_MAX_VERSION}.")


def _check_flag(key: str, value: object) -> None:
    if not isinstance(value, bool):
        raise CriteriaError(key, "It is true or false.")


def _check_id(key: str, value: object) -> None:
    if not isinstance(value, UUID):
        raise CriteriaError(key, f"'{shown(value)}' is no id: it is a UUID.")


def _read_id(key: str, value: object) -> UUID:
    try:
        return UUID(value if isinstance(value, str) else "")
    except ValueError:
        raise CriteriaError(key, f"'{shown(value)}' is no id: it is a UUID.") from None


def _check_instant(key: str, value: object) -> None:
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise CriteriaError(key, "It is an instant with its time zone.")
    if not _FIRST_YEAR < value.year < _LAST_YEAR:
        raise CriteriaError(key, f"Its year is {_FIRST_YEAR + 1} to {_LAST_YEAR - 1}.")


def _read_instant(key: str, value: object) -> datetime:
    try:
        return datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        problem = "It is an instant in ISO 8601 with its time zone, as 2026-01-31T09:00:00Z."
        raise CriteriaError(key, f"'{shown(value)}': {problem}") from None


def _as_it_is(_: str, value: Any) -> Any:
    return value


def _plain(value: Any) -> Any:
    return value


_ID = _Field(check=_check_id, from_json=_read_id)
_INSTANT = _Field(check=_check_instant, from_json=_read_instant, to_json=datetime.isoformat)
_FIELDS: Mapping[str, _Field] = {
    "statuses": _Field(
        check=_check_statuses,
        from_json=_read_statuses,
        to_json=lambda value: [status.value for status in value],
    ),
    "workflow": _text(MAX_NAME_LENGTH),
    "workflow_prefix": _text(MAX_NAME_LENGTH),
    "version": _Field(check=_check_version, from_json=_as_it_is, to_json=_plain),
    "key": _text(MAX_KEY_LENGTH),
    "key_prefix": _text(MAX_KEY_LENGTH),
    "execution_id": _ID,
    "tag": _text(MAX_KEY_LENGTH),
    "subject": _text(MAX_KEY_LENGTH),
    "correlation_id": _text(MAX_KEY_LENGTH),
    "queue": _text(MAX_KEY_LENGTH),
    "park_reason": _choice(ParkReason),
    "error_type": _text(MAX_KEY_LENGTH),
    "waiting_for": _text(_MAX_CALL_NAME_LENGTH),
    "waiting_kind": _choice(WaitKind),
    "has_error": _Field(check=_check_flag, from_json=_as_it_is, to_json=_plain),
    "created_after": _INSTANT,
    "created_before": _INSTANT,
    "finished_after": _INSTANT,
    "finished_before": _INSTANT,
    "forked_from": _ID,
    "parent": _ID,
    "is_child": _Field(check=_check_flag, from_json=_as_it_is, to_json=_plain),
}
