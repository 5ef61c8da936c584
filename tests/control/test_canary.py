"""The secret that `canary` plants is really there, and what this package shows of it is not."""

from __future__ import annotations

import base64
import json
from uuid import UUID

import pytest

from durable_django.control.payloads.payload_view import (
    arguments_json,
    payload_json,
    view_arguments,
    view_payload,
)
from durable_django.control.payloads.redaction import redact, redact_text
from durable_django.domain.error_record import ErrorRecord
from durable_django.models import StepCheckpoint, WorkflowExecution, WorkflowSignal
from tests.control.canary import CANARY, CARD_NUMBER, assert_absent, planted  # noqa: F401 -- a fixture

pytestmark = pytest.mark.django_db


def test_secret_is_planted_everywhere(planted: list[UUID]):  # noqa: F811
    rows = WorkflowExecution.objects.in_bulk(planted)
    completed, failed, retrying, family, child = (rows[one] for one in planted)

    statuses = [completed.status, failed.status, retrying.status, retrying.waiting_kind]
    assert statuses == ["completed", "failed", "suspended", "retry"]
    assert [family.waiting_kind, child.status] == ["map", "failed"]
    for text in (completed.input, completed.output, failed.error, json.dumps(completed.progress)):
        assert CANARY in text
    of_family = dict(StepCheckpoint.objects.filter(execution=family).values_list("key", "output"))
    for key in ("load/1", "login", "both/fetch", "both/again"):
        assert CANARY in of_family[key]
    assert CANARY in child.error
    outputs = StepCheckpoint.objects.filter(execution=completed).values_list("output", flat=True)
    errors = StepCheckpoint.objects.filter(execution__in=planted, error__contains=CANARY)
    assert sum(CANARY in (text or "") for text in outputs) == 3
    assert errors.count() == 3
    assert CANARY in WorkflowSignal.objects.get(execution=completed).payload


def test_no_payload_shows_it(planted: list[UUID]):  # noqa: F811
    texts: list[str | None] = []
    for row in WorkflowExecution.objects.filter(id__in=planted):
        texts += [row.input, row.output]
    attempts = StepCheckpoint.objects.filter(execution__in=planted)
    texts += [row.output for row in attempts]
    texts += WorkflowSignal.objects.filter(execution__in=planted).values_list("payload", flat=True)
    views = [view_payload(text, may_see=True) for text in texts]
    views += [view_arguments(row.input, row.action, may_see=True) for row in attempts]

    shown = "".join(f"{view.text} {view.preview}" for view in views)
    shown += json.dumps([payload_json(text, may_see=True) for text in texts])
    shown += json.dumps([arguments_json(row.input, row.action, may_see=True) for row in attempts])

    assert "991" in shown
    assert_absent(shown)


def test_no_error_and_no_progress_shows_it(planted: list[UUID]):  # noqa: F811
    rows = [
        *WorkflowExecution.objects.filter(id__in=planted),
        *StepCheckpoint.objects.filter(execution__in=planted),
    ]
    messages = [ErrorRecord.from_text(row.error).message for row in rows if row.error]
    progress = [row.progress for row in rows if isinstance(row, WorkflowExecution)]

    shown = "".join(map(redact_text, messages)) + json.dumps(redact(progress))

    assert "401 for https://" in shown
    assert "db/shop is down" in shown
    assert_absent(shown)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"<td>{CANARY}</td>", id="html"),
        pytest.param(CARD_NUMBER, id="card number"),
        pytest.param(CARD_NUMBER.replace(" ", ""), id="card number in one"),
        *(
            pytest.param(base64.b64encode(before + CANARY.encode() + b"yz").decode(), id=f"base64 {len(before)}")
            for before in (b"", b"a", b"ab", b"abc")
        ),
    ],
)  # fmt: skip
def test_secret_that_is_shown_is_found(text: str):
    for shown in (text, text.encode()):
        with pytest.raises(AssertionError, match="The secret is shown"):
            assert_absent(shown)


def test_page_without_it_passes():
    assert_absent(b"<p>nothing</p>")
