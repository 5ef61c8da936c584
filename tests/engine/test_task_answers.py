from __future__ import annotations

from decimal import Decimal

import pytest

from durable_django.codecs.tagged_json import TaggedJsonCodec
from durable_django.domain.identifiers import new_id
from durable_django.engine.serialization import Payloads
from durable_django.engine.task_answers import encode_answer, encode_data, read_answer
from durable_django.exceptions import PayloadError
from durable_django.testing import make_task

PAYLOADS = Payloads(TaggedJsonCodec(), max_bytes=300, max_depth=4)


def test_an_answer_is_read_as_it_was_recorded():
    task = make_task(new_id(), assignee="alice", comment="fine")

    text = encode_answer(PAYLOADS, task, {"amount": Decimal("9.90")})

    answer = read_answer(PAYLOADS.decode(text, "answer"))
    assert (answer["amount"], answer.by, answer.comment) == (Decimal("9.90"), "alice", "fine")
    assert answer.at == task.finished_at


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"a": object()}, id="no_json"),
        pytest.param({"a": "x" * 250}, id="too_large_once_it_is_recorded"),
        pytest.param({"a": [[[1]]]}, id="too_deep_once_it_is_recorded"),
    ],
)
def test_what_could_not_be_recorded_is_refused_at_the_door(data):
    with pytest.raises(PayloadError, match="Answer of task 'approve'"):
        encode_data(PAYLOADS, "approve", data)


def test_what_could_be_is_taken_as_it_is():
    data = {"a": [[1]], "b": "x" * 50}

    assert PAYLOADS.decode(encode_data(PAYLOADS, "approve", data, by="alice"), "data") == data
