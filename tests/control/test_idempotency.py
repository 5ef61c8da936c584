from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.fernet import Fernet

from durable_django.control.idempotency import (
    Answer,
    KeyReusedError,
    RequestInFlightError,
    answer_once,
    digest_of,
    prune_idempotency,
)
from durable_django.models import IdempotencyRecord
from durable_django.stores.orm.store import OrmCheckpointStore
from tests.api.doors import durable_settings

pytestmark = pytest.mark.django_db

DONE = Answer(status=201, body='{"id": 1}', headers={"Location": "/1/"})


class Declined(Exception):  # noqa: N818 -- what the act raises, whatever it is called
    pass


def never() -> Answer:
    raise AssertionError("acted a second time")


def decline() -> Answer:
    raise Declined


def test_a_repeated_request_is_answered_from_the_record():
    first = answer_once("scope", "body", lambda: DONE)
    second = answer_once("scope", "body", never)

    assert first == (DONE, False)
    assert second == (DONE, True)


def test_an_answer_is_encrypted_as_payloads_are():
    key = Fernet.generate_key().decode()
    with durable_settings(ENCRYPTION_KEYS=[key]):
        first = answer_once("scope", "body", lambda: DONE)
        second = answer_once("scope", "body", never)

    stored = IdempotencyRecord.objects.get().response_body
    assert stored.startswith('{"$fernet":')
    assert (first, second) == ((DONE, False), (DONE, True))


def test_an_answer_larger_than_a_payload_may_be_is_kept():
    large = Answer(status=200, body="x" * 300_000)

    answer_once("scope", "body", lambda: large)

    assert answer_once("scope", "body", never) == (large, True)


def test_another_body_is_refused():
    answer_once("scope", "body", lambda: DONE)

    with pytest.raises(KeyReusedError):
        answer_once("scope", "another body", never)


def test_an_act_that_fails_leaves_no_record():
    with pytest.raises(Declined):
        answer_once("scope", "body", decline)

    assert answer_once("scope", "body", lambda: DONE) == (DONE, False)


def test_a_record_without_an_answer_is_a_request_on_its_way():
    IdempotencyRecord.objects.create(
        scope_digest="scope", request_digest="body", created_at=OrmCheckpointStore().now()
    )

    with pytest.raises(RequestInFlightError):
        answer_once("scope", "body", never)


def test_old_records_are_pruned_and_young_ones_stay():
    now = OrmCheckpointStore().now()
    for scope, age in (("old", 25), ("older", 48), ("young", 23)):
        answer_once(scope, "body", lambda: DONE)
        rows = IdempotencyRecord.objects.filter(scope_digest=scope)
        rows.update(created_at=now - timedelta(hours=age))

    deleted = prune_idempotency(now - timedelta(hours=24))

    assert deleted == 2
    assert IdempotencyRecord.objects.get().scope_digest == "young"


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert digest_of("a", "b") != digest_of("ab")
