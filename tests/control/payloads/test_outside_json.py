from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from durable_django import client
from durable_django.control.payloads.outside_json import parse_payload, validate_payload
from durable_django.engine.registry import default_registry
from durable_django.engine.workflow_function import workflow
from durable_django.exceptions import PayloadError
from durable_django.runtime import engine
from durable_django.testing.driver import DurableDriver
from tests.control.hostile import (
    FORGED_TAGS,
    HOSTILE_BYTES,
    HOSTILE_TEXTS,
    HOSTILE_VALUES,
    ODD_TEXTS,
    STORABLE_FROM_PYTHON,
    params,
)

ECHO = "hostile.echo"


@pytest.fixture
def echo() -> Iterator[str]:
    """A workflow that returns what it was started with and then what it is sent."""

    @workflow(name=ECHO)
    def body(ctx, value=None):
        return [value, ctx.wait_signal("go")]

    yield ECHO
    default_registry.forget(ECHO)


class TestParsePayload:
    @pytest.mark.parametrize(("text", "problem"), params(HOSTILE_TEXTS))
    def test_hostile_text_is_refused_by_name(self, text: str, problem: str):
        with pytest.raises(PayloadError, match=f"^The body: .*{problem}") as caught:
            parse_payload(text, "The body")

        assert len(str(caught.value)) < 300

    @pytest.mark.parametrize("body", params(HOSTILE_BYTES))
    def test_bytes_that_are_no_text_are_refused(self, body: bytes):
        with pytest.raises(PayloadError, match=r"The body: is not UTF-8 \(byte \d+\)"):
            parse_payload(body, "The body")

    @pytest.mark.parametrize("text", params(ODD_TEXTS))
    def test_odd_text_is_taken_and_can_be_stored(self, text: str):
        value = parse_payload(text, "The body")

        payloads = engine().payloads
        assert value == json.loads(text) == parse_payload(text.encode(), "The body")
        assert payloads.decode(payloads.encode(value, "It"), "It") == value

    @pytest.mark.parametrize("value", params(FORGED_TAGS))
    def test_forged_tag_stays_plain_data(self, value: Any):
        parsed = parse_payload(json.dumps(value), "The body")

        payloads = engine().payloads
        assert parsed == value
        assert payloads.decode(payloads.encode(parsed, "It"), "It") == value

    def test_depth_is_measured_before_anything_is_parsed(self, monkeypatch: pytest.MonkeyPatch):
        def fail(*_: object) -> None:
            raise AssertionError("parsed")

        monkeypatch.setattr("durable_django.engine.serialization._parse_strictly", fail)

        with pytest.raises(PayloadError, match="nested"):
            parse_payload("[" * 100_000, "The body")

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param('"' + "\\" * 250_000, id="backslashes"),
            pytest.param('{"a":' * 50_000, id="objects"),
            pytest.param("[" + "[]," * 80_000, id="arrays"),
            pytest.param("[" + ",".join(["9" * 4300] * 60) + "]", id="long numbers"),
        ],
    )
    def test_time_is_linear_in_the_length(self, text: str):
        begun = time.process_time()

        with suppress(PayloadError):
            parse_payload(text, "The body")

        assert time.process_time() - begun < 1


class TestValidatePayload:
    @pytest.mark.parametrize(("value", "problem"), params(HOSTILE_VALUES))
    def test_hostile_value_is_refused_with_its_place(self, value: Any, problem: str):
        with pytest.raises(PayloadError, match=f"^The input: .*{problem}") as caught:
            validate_payload(value, "The input")

        assert len(str(caught.value)) < 300

    @pytest.mark.parametrize("text", params(ODD_TEXTS))
    def test_good_value_is_returned_as_it_is(self, text: str):
        value = json.loads(text)

        assert validate_payload(value) is value

    def test_limits_are_those_of_the_settings(self, settings):
        settings.DURABLE = {"MAX_PAYLOAD_BYTES": 20, "MAX_PAYLOAD_DEPTH": 2}

        assert validate_payload([[1]]) == [[1]]
        with pytest.raises(PayloadError, match="more than 2 levels"):
            validate_payload([[[1]]])
        with pytest.raises(PayloadError, match="the limit is 20"):
            validate_payload("x" * 19)

    def test_tags_that_grow_too_deep_when_they_are_escaped_are_refused(self):
        value: Any = 1
        for _ in range(15):
            value = {"$a": value}

        with pytest.raises(PayloadError, match=r"The payload: .*more than 20 levels"):
            validate_payload(value)

    def test_shared_parts_are_no_loop(self):
        shared = [1]

        assert validate_payload([shared] * 100)


@pytest.mark.django_db
class TestPythonDoors:
    @pytest.mark.parametrize(
        ("value", "problem"),
        params({n: s for n, s in HOSTILE_VALUES.items() if n not in STORABLE_FROM_PYTHON}),
    )
    def test_what_cannot_be_stored_is_refused_and_changes_nothing(
        self, durable: DurableDriver, echo: str, value: Any, problem: str
    ):
        waiting = client.start(echo)

        with pytest.raises(PayloadError, match=r"Input of workflow 'hostile\.echo'"):
            client.start(echo, {"value": value})
        with pytest.raises(PayloadError, match="Payload of signal 'go'"):
            client.signal(waiting.id, "go", value)

        assert [one.id for one in client.list_executions()] == [waiting.id]
        assert durable.store.load_execution(waiting.id).signal_count == 0

    @pytest.mark.parametrize(
        "value",
        [
            *(pytest.param(HOSTILE_VALUES[n][0], id=n) for n in sorted(STORABLE_FROM_PYTHON)),
            *(pytest.param(tag, id=f"forged {name}") for name, tag in FORGED_TAGS.items()),
            *(
                pytest.param(json.loads(text), id=f"odd {name}")
                for name, text in ODD_TEXTS.items()
                if name != "20 levels"  # the arguments around it are one more
            ),
        ],
    )
    def test_what_can_be_stored_comes_back_as_it_was(
        self, durable: DurableDriver, echo: str, value: Any
    ):
        started = client.start(echo, {"value": value})
        client.signal(started.id, "go", value)

        durable.drain()

        assert client.get(started.id).result(timeout=0) == [value, value]

    def test_outsider_cannot_reach_a_row_by_a_forged_reference(
        self, durable: DurableDriver, echo: str, django_user_model: Any, django_assert_num_queries
    ):
        user = django_user_model.objects.create(username="victim")
        forged = {"$model": {"model": "auth.user", "pk": user.pk}}
        started = client.start(echo, {"value": parse_payload(json.dumps(forged), "The body")})

        with django_assert_num_queries(0):
            seen = durable.engine.payloads.decode(started.execution.input, "Input")

        assert seen == {"value": forged}


@pytest.mark.django_db
class TestCommandDoor:
    @pytest.mark.parametrize(("text", "problem"), params(HOSTILE_TEXTS))
    def test_hostile_text_is_a_usage_error_and_changes_nothing(
        self, durable: DurableDriver, echo: str, tmp_path: Path, text: str, problem: str
    ):
        waiting = client.start(echo)
        given = tmp_path / "given.json"
        given.write_bytes(text.encode("utf-8", "surrogatepass"))

        with pytest.raises(CommandError, match=r"^--input") as started:
            call_command("durable_start", echo, "--input", f"@{given}")
        with pytest.raises(CommandError, match=r"^--payload") as signalled:
            call_command("durable_signal", str(waiting.id), "go", "--payload", f"@{given}")

        assert (started.value.returncode, signalled.value.returncode) == (2, 2)
        assert [one.id for one in client.list_executions()] == [waiting.id]
        assert durable.store.load_execution(waiting.id).signal_count == 0
