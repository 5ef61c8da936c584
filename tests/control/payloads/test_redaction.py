from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_django.control.payloads.redaction import HIDDEN, redact, redact_text
from tests.control.hostile import HOSTILE_VALUES, MARKUP, params

CARD = "4242424242424242"


@dataclass
class Payment:
    amount: Decimal
    card: Any
    paid_at: datetime


class TestRedact:
    def test_keys_at_any_depth_are_hidden_whatever_is_under_them(self):
        value = {
            "order": {"id": 5, "customer": [{"name": "Ann", "password": "x"}]},
            "card": {"number": "1", "holder": ["Ann"]},
            "apiKey": ["a", "b"],
            "ssn": 12,
            "discard": True,
        }

        assert redact(value) == {
            "order": {"id": 5, "customer": [{"name": "Ann", "password": HIDDEN}]},
            "card": HIDDEN,
            "apiKey": HIDDEN,
            "ssn": HIDDEN,
            "discard": True,
        }

    def test_absence_of_a_secret_is_shown(self):
        assert redact({"token": None}) == {"token": None}

    def test_decoded_values_are_looked_into(self):
        value = (Payment(Decimal("1.50"), {"number": CARD}, datetime(2026, 1, 1, tzinfo=UTC)),)

        assert redact(value) == [
            {"amount": "1.50", "card": HIDDEN, "paid_at": "2026-01-01T00:00:00Z"}
        ]

    def test_secrets_in_texts_are_hidden(self):
        value = {"error": "login failed: password=hunter2", "dsn": "redis://:hunter2@host/0"}

        assert redact(value) == {
            "error": f"login failed: password={HIDDEN}",
            "dsn": f"redis://{HIDDEN}@host/0",
        }

    def test_what_it_is_given_stays_as_it_was(self):
        value = {"a": [{"token": "x"}]}

        redact(value)

        assert value == {"a": [{"token": "x"}]}

    @pytest.mark.parametrize("value", [sample[0] for sample in HOSTILE_VALUES.values()], ids=[*HOSTILE_VALUES])  # fmt: skip
    def test_hostile_value_becomes_json_that_can_be_sent(self, value: Any):
        json.dumps(redact(value), allow_nan=False, ensure_ascii=False).encode("utf-8")


SEEN: list[tuple[tuple[str, ...], Any]] = []


def hide_names(path: tuple[str, ...], value: Any) -> Any:
    SEEN.append((path, value))
    return "somebody" if path[-1:] == ("name",) else value


def fail_for_numbers(path: tuple[str, ...], value: Any) -> Any:
    if isinstance(value, int):
        raise ValueError("SECRET")  # noqa: TRY004 -- any error will do
    return Decimal("1.5") if value == "decimal" else value


class TestHook:
    def test_hook_is_given_every_leaf_that_is_left_with_its_path(self, settings):
        settings.DURABLE = {"REDACTOR": f"{__name__}.hide_names"}
        SEEN.clear()

        shown = redact({"people": [{"name": "Ann", "age": 5, "token": "x"}], "none": None})

        assert shown == {
            "people": [{"name": "somebody", "age": 5, "token": HIDDEN}],
            "none": None,
        }
        assert SEEN == [
            (("people", "0", "name"), "Ann"),
            (("people", "0", "age"), 5),
            (("none",), None),
        ]

    def test_leaf_for_which_it_raises_is_hidden_and_the_rest_shown(self, settings, caplog):
        settings.DURABLE = {"REDACTOR": f"{__name__}.fail_for_numbers"}

        with caplog.at_level(logging.WARNING):
            shown = redact({"a": 1, "b": [2, "x"], "c": "decimal"})

        assert shown == {"a": HIDDEN, "b": [HIDDEN, "x"], "c": "1.5"}
        assert [record.message for record in caplog.records] == ["Redactor failed"]
        assert "SECRET" not in caplog.text

    def test_hook_that_is_not_there_hides_everything(self, settings, caplog):
        settings.DURABLE = {"REDACTOR": "no.such.hook"}

        assert redact({"a": [1, "x"]}) == {"a": [HIDDEN, HIDDEN]}
        assert "Redactor cannot be imported" in caplog.text

    def test_top_value_has_an_empty_path(self, settings):
        settings.DURABLE = {"REDACTOR": f"{__name__}.hide_names"}
        SEEN.clear()

        assert redact(5) == 5
        assert SEEN == [((), 5)]


class TestRedactText:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("password=hunter2 next", "password=• next"),
            ("Password: hunter2", "Password: •"),
            ("--api-key=abc -v", "--api-key=• -v"),
            ('{"apiKey": "a\\"b c", "x": 1}', '{"apiKey": •, "x": 1}'),
            ("{'password': 'a b', 'user': 'bob'}", "{'password': •, 'user': 'bob'}"),
            ('{\\"password\\": \\"hunter 2\\"} tail', '{\\"password\\": •} tail'),
            ("password=b'x y' tail", "password=• tail"),
            ('"card": {"n": "}", "e": [1]}, "n": 2', '"card": •, "n": 2'),
            ("card=Card(number='4)2', cvv='1') then", "card=• then"),
            ("Authorization: Bearer abc.def next", "Authorization: • next"),
            ("Authorization: Basic dXNlcjpw", "Authorization: •"),
            ('"Authorization": "Basic dXNlcjpw"', '"Authorization": •'),
            ("Cookie: a=b; c=d\nnext", "Cookie: •\nnext"),
            ("sent Bearer abcdefgh1 to it", "sent Bearer • to it"),
            ("https://user:p@ss@host/x?token=abc&y=1", "https://•@host/x?token=•&y=1"),
            ("postgres://u:pa/ss@host/db", "postgres://•@host/db"),
            ("redis://:pw@host", "redis://•@host"),
            ("https://ghp_1@github.com/x", "https://•@github.com/x"),
            ("declined 4242 4242 4242 4242.", "declined •."),
            ("declined 4242-4242-4242-4242", "declined •"),
            ("amex 378282246310005, 3782 822463 10005", "amex •, •"),
            ("42 4242 4242 4242 4242", "42 •"),
            ("1111 4242 4242 4242 4242", "1111 •"),
            ("API key: sk_1 tail", "API key: • tail"),
            ("secret='unterminated", "secret=•"),
            ("token={unbalanced [1", "token=•"),
            ("jwt eyJhbGciOiJI.eyJzdWIiOiIx.abc_-1 end", "jwt • end"),
            ("user=bob password=a,token=b", "user=bob password=•,token=•"),
        ],
    )
    def test_secret_is_hidden_and_the_rest_shown(self, text: str, shown: str):
        assert redact_text(text) == shown.replace("•", HIDDEN)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "ConnectionError: host 10.0.0.1:5432 refused",
            "shop.errors.CardDeclinedError: The card was declined",
            "not undone: charge_card: RuntimeError",
            "Invalid card: declined",
            "max_tokens=4096",
            "token: None",
            "password=''",
            "Token::parse",
            "token == other",
            "key: value",
            "http://localhost:8000/users/a@b.c",
            "Bearer authentication failed.",
            "order 4242424242424243",
            "at 1732091400000",
            "0.4242424242424242",
            "42424242424242424242424242",
            "password:\nnext line",
            'File "x.py", line 5, in charge',
            "2026-11-20T08:30:00Z",
        ],
    )
    def test_what_is_no_secret_is_shown(self, text: str):
        assert redact_text(text) == text

    @pytest.mark.parametrize("text", params(MARKUP))
    def test_markup_is_left_to_the_page(self, text: str):
        assert redact_text(text) == text

    def test_patterns_of_the_project_count_in_texts_too(self, settings):
        settings.DURABLE = {"REDACT": ["diagnosis"]}

        assert redact_text("diagnosis=flu, name=Ann") == f"diagnosis={HIDDEN}, name=Ann"

    @pytest.mark.parametrize(
        "part",
        [
            *("a", "\\", '"', "'", "p=", "token=", 'token="', "token='x\\", "token=(", "://"),
            *("://a:", "://a@", "://a:1", "4242 ", "4242-", "4", "4 ", "4111111111111112 "),
            *("bearer ", "eyJ", "eyJaaaaaaaa.", "a.", "=:", "a: ", "api key: x ", "- ", "k\\"),
            *('token=\\"', "token=[{(", " ", "\t", "\n", "cookie:", "key: ", "x\\\\\\'=", "-", "é"),
        ],
    )
    def test_time_is_linear_in_the_length(self, part: str):
        text = part * (100_000 // len(part))
        begun = time.process_time()

        redact_text(text)

        # Up to 70 ms where this was written; what is quadratic takes a minute.
        assert time.process_time() - begun < 1

    @given(st.text(alphabet="token=:\"'\\ ({[)}]@/.4-\n", max_size=80))
    def test_any_text_is_taken(self, text: str):
        assert isinstance(redact_text(text), str)

    @given(st.text(alphabet="abc \"'\\,;&(){}[]=:/", max_size=20))
    def test_no_quoted_secret_survives(self, noise: str):
        quoted = json.dumps({"token": f"CANARY{noise}CANARY", "other": 1})

        for text in (quoted, json.dumps(quoted), f"failed: {quoted}!"):
            assert "CANARY" not in redact_text(text)
