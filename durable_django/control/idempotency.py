"""Answer a request once, however often it is sent: `Idempotency-Key`, without the HTTP.

A record is inserted in the transaction of the act, and its unique constraint decides the race:
who comes second waits for the first's commit and then gets the first's answer. An act that fails
takes its record back, so that the same request may be tried again.

An answer may show what people see of payloads, so it is stored as these are: encrypted, if they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.db import IntegrityError, OperationalError, transaction
from django.db.models import QuerySet

from durable_django.conf import settings
from durable_django.exceptions import DurableError
from durable_django.models import IdempotencyRecord
from durable_django.runtime import build_codec
from durable_django.stores.orm.database import is_transient
from durable_django.stores.orm.db_now import DBNow

#: For how long a request is known again, at least.
KEPT_FOR = timedelta(hours=24)
_PRUNE_BATCH = 500
_MAX_TRIES = 3
#: PostgreSQL: no lock within lock_timeout; cancelled by statement_timeout.
_GAVE_UP_WAITING = frozenset({"55P03", "57014"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered to a request."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


class RequestInFlightError(DurableError):
    """The same request is still being answered elsewhere."""

    def __init__(self) -> None:
        super().__init__("A request with this key is being answered. Try again soon.")


class KeyReusedError(DurableError):
    """The key belongs to a request with another body."""

    def __init__(self) -> None:
        super().__init__(
            "The key was used for a request with another body. Use a new key for a new request."
        )


class _KeyTakenError(Exception):
    """There is a record of the scope."""


def digest_of(*parts: Any) -> str:
    """Return 64 characters that stand for these JSON values, whatever the order of their keys."""
    return sha256(json.dumps(parts, sort_keys=True, default=str).encode("ascii")).hexdigest()


def answer_once(
    scope: str, request_digest: str, answer: Callable[[], Answer]
) -> tuple[Answer, bool]:
    """Return what `answer` returns, or what it returned before; and whether it was before.

    Args:
        scope: The digest of who asks, for what, under which key.
        request_digest: The digest of the body.
        answer: Acts, in the transaction this function opens; what it raises undoes everything.

    Raises:
        RequestInFlightError: The database gave up waiting for the first request.
        KeyReusedError: The first request had another body.
    """
    for _ in range(_MAX_TRIES):
        try:
            return _answer_first(scope, request_digest, answer), False
        except _KeyTakenError:
            # Outside the transaction: a snapshot it has may be older than the other's commit.
            record = _records().filter(scope_digest=scope).first()
        if record is not None:
            return _repeated(record, request_digest), True
        # It was pruned, or rolled back, between the two looks.
    raise RequestInFlightError


def prune_idempotency(before: datetime) -> int:
    """Delete the records that are older, in small transactions; return how many."""
    deleted = 0
    while True:
        old = list(_records().filter(created_at__lt=before).values_list("pk")[:_PRUNE_BATCH])
        if not old:
            return deleted
        deleted += _records().filter(pk__in=[pk for (pk,) in old]).delete()[0]


def _answer_first(scope: str, request_digest: str, answer: Callable[[], Answer]) -> Answer:
    with transaction.atomic(using=settings().database):
        record = _reserve(scope, request_digest)
        answered = answer()
        _records().filter(pk=record.pk).update(
            response_status=answered.status,
            response_headers=dict(answered.headers),
            response_body=build_codec(settings()).encode(answered.body),
        )
        return answered


def _reserve(scope: str, request_digest: str) -> IdempotencyRecord:
    try:
        return _records().create(
            scope_digest=scope, request_digest=request_digest, created_at=DBNow()
        )
    except IntegrityError:
        raise _KeyTakenError from None
    except OperationalError as error:
        if _gave_up_waiting(error):
            raise RequestInFlightError from error
        raise


def _gave_up_waiting(error: OperationalError) -> bool:
    return is_transient(error) or getattr(error.__cause__, "sqlstate", "") in _GAVE_UP_WAITING


def _repeated(record: IdempotencyRecord, request_digest: str) -> Answer:
    if record.request_digest != request_digest:
        raise KeyReusedError
    if record.response_status is None:
        raise RequestInFlightError
    return Answer(
        status=record.response_status,
        body=str(build_codec(settings()).decode(record.response_body)),
        headers=record.response_headers,
    )


def _records() -> QuerySet[IdempotencyRecord]:
    return IdempotencyRecord.objects.using(settings().database)
