from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.template.loader import render_to_string

from durable_django.control.payloads.payload_view import (
    MAX_PREVIEW_LENGTH,
    MAX_ROWS,
    MAX_SHOWN_BYTES,
    PayloadState,
    PayloadView,
    payload_json,
    view_payload,
)
from durable_django.control.payloads.redaction import HIDDEN
from durable_django.exceptions import PayloadError
from durable_django.runtime import engine
from tests.control.hostile import FORGED_TAGS, MARKUP, ODD_TEXTS, params

KEY, OTHER_KEY = (Fernet.generate_key().decode() for _ in range(2))
ORDER = {
    "id": 991,
    "due": datetime(2026, 11, 20, 8, 30, tzinfo=UTC),
    "total": Decimal("12.30"),
    "card": "4242",
}
SHOWN_ORDER = {"id": 991, "due": "2026-11-20T08:30:00Z", "total": "12.30", "card": HIDDEN}


def store(value: Any) -> str:
    return engine().payloads.encode(value, "It")


def see(text: str | None) -> PayloadView:
    return view_payload(text, may_see=True)


def render(view: PayloadView, **context: Any) -> str:
    return render_to_string("durable_django/payload.html", {"payload": view, **context})


class TestViewPayload:
    def test_stored_value_is_shown_plain_and_redacted(self):
        text = store(ORDER)

        view = see(text)

        assert view.state is PayloadState.SHOWN
        assert view.json == SHOWN_ORDER
        assert view.size_bytes == len(text)
        assert view.preview == (
            '{"card": "•••", "due": "2026-11-20T08:30:00Z", "id": 991, "total": "12.30"}'
        )

    def test_who_may_not_see_gets_nothing_but_the_size(self):
        text = store(ORDER)

        view = view_payload(text, may_see=False)

        assert view == PayloadView(
            state=PayloadState.HIDDEN, preview="hidden", size_bytes=len(text)
        )

    @pytest.mark.parametrize("text", [None, ""])
    @pytest.mark.parametrize("may_see", [True, False])
    def test_nothing_is_empty_for_everybody(self, text: str | None, may_see: bool):  # noqa: FBT001
        assert view_payload(text, may_see=may_see).state is PayloadState.EMPTY

    def test_null_is_a_payload(self):
        view = see("null")

        assert (view.state, view.json, view.preview) == (PayloadState.SHOWN, None, "null")

    def test_limit_includes_its_end(self):
        largest = see('"' + "x" * (MAX_SHOWN_BYTES - 2) + '"')
        larger = see('"' + "x" * (MAX_SHOWN_BYTES - 1) + '"')

        assert largest.state is PayloadState.SHOWN
        assert (larger.state, larger.json) == (PayloadState.TOO_LARGE, None)
        assert larger.size_bytes == MAX_SHOWN_BYTES + 1

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("{", id="cut off"),
            pytest.param("pickle", id="no JSON"),
            pytest.param("[" * 60_000, id="too deep"),
            pytest.param("9" * 5_000, id="too many digits"),
            pytest.param("\ud800", id="surrogate"),
            pytest.param("\0", id="nul"),
        ],
    )
    def test_what_is_no_json_says_so(self, text: str):
        view = see(text)

        assert view.state is PayloadState.UNDECODABLE
        assert view.json is None
        assert view.preview.startswith("is ")
        assert "Cannot be shown: it is " in render(view)

    @pytest.mark.parametrize("text", ["NaN", "[1e999]", '"\\ud800"', '{"\\udfff": "\\u0000"}'])
    def test_what_was_forged_is_still_json_that_can_be_sent(self, text: str):
        view = see(text)

        assert view.state is PayloadState.SHOWN
        json.dumps(view.json, allow_nan=False, ensure_ascii=False).encode("utf-8")

    @pytest.mark.parametrize("text", params(ODD_TEXTS))
    def test_odd_payload_is_shown(self, text: str):
        view = see(store(json.loads(text)))

        assert view.json == json.loads(text)
        assert len(view.preview) <= MAX_PREVIEW_LENGTH
        assert render(view)

    @pytest.mark.parametrize("value", params(FORGED_TAGS))
    def test_data_that_looks_like_a_tag_is_shown_as_it_is(self, value: Any):
        assert see(store(value)).json == value

    @pytest.mark.parametrize("value", params(FORGED_TAGS))
    def test_forged_row_is_shown_without_a_query_or_a_class(self, value: Any):
        # Without the mark `django_db` a query would be an error.
        assert see(json.dumps(value)).state is PayloadState.SHOWN

    def test_preview_is_one_line_and_cut(self):
        view = see(json.dumps(["line\nline", "x" * 500]))

        assert view.preview.startswith('["line\\nline", "xxx')
        assert len(view.preview) == MAX_PREVIEW_LENGTH
        assert view.preview.endswith("…")


class TestEncryption:
    @pytest.fixture(autouse=True)
    def encryption(self, settings) -> None:
        settings.DURABLE = {"ENCRYPTION_KEYS": [KEY]}

    def test_payload_is_decrypted_and_redacted(self):
        text = store(ORDER)

        assert "991" not in text
        assert see(text).json == SHOWN_ORDER

    def test_key_that_is_gone_says_so(self, settings):
        text = store(ORDER)
        settings.DURABLE = {"ENCRYPTION_KEYS": [OTHER_KEY]}

        view = see(text)

        assert view.state is PayloadState.UNDECODABLE
        assert view.preview.startswith("cannot be decrypted")
        assert payload_json(text, may_see=True) == {
            "undecodable": True,
            "detail": view.preview,
        }

    def test_plain_text_among_encrypted_is_not_shown_as_if_it_were(self):
        view = see('{"forged": 1}')

        assert view.state is PayloadState.UNDECODABLE
        assert "is not encrypted" in view.preview

    def test_unsealing_says_whose_payload_it_is(self):
        with pytest.raises(PayloadError, match=r"^Mine: is not encrypted"):
            engine().payloads.unseal("1", "Mine")


class TestPayloadJson:
    def test_value_is_plain_and_redacted(self):
        assert payload_json(store(ORDER), may_see=True) == SHOWN_ORDER

    def test_markers_stand_for_what_is_not_shown(self):
        assert payload_json(store(ORDER), may_see=False) == {"hidden": True}
        assert payload_json("{", may_see=True)["undecodable"] is True
        assert payload_json(None, may_see=True) is None
        assert payload_json(None, may_see=False) is None

    def test_size_is_no_limit(self):
        assert payload_json(json.dumps("x" * 100_000), may_see=True) == "x" * 100_000


class TestTemplate:
    def test_containers_fold_and_leaves_say_what_they_are(self):
        html = render(see('{"a": [1, {"b": "x"}], "empty": {}, "token": "t", "yes": true}'))

        assert html.count("<details") == html.count("</details>") == 3
        assert html.count("<details open>") == 2
        assert '<span class="dw-payload-name">a</span>' in html
        assert '<span class="dw-payload-count">[2 items]</span>' in html
        assert '<span class="dw-payload-count">{1 key}</span>' in html
        assert '<span class="dw-payload-number">1</span>' in html
        assert '<span class="dw-payload-string">&quot;x&quot;</span>' in html
        assert '<span class="dw-payload-word">true</span>' in html
        assert '<span class="dw-payload-word">{}</span>' in html
        assert 'title="Hidden, because it may be a secret">•••</span>' in html

    def test_page_needs_no_inline_style_or_script(self):
        html = render(see(store(ORDER)), download_url="/x/")

        for forbidden in ("style=", "<script", "onclick", "javascript:"):
            assert forbidden not in html

    @pytest.mark.parametrize("text", params(MARKUP))
    def test_markup_is_shown_and_never_obeyed(self, text: str):
        html = render(see(store({text: [text], "text": text})))

        assert "<script" not in html
        assert "<img" not in html
        assert "' onmouseover" not in html
        assert "49" not in html
        assert not any(c in html for c in "\u202e\u2066\u200b\u2028\x1b\r")

    def test_deep_payload_renders(self):
        value: Any = 1
        for _ in range(500):
            value = {"a": value}

        html = render(see(json.dumps(value)))

        assert html.count("<details") == html.count("</details>") == 64

    def test_payload_of_many_rows_is_shown_as_text(self):
        view = see(json.dumps(["<b>\u202e"] + [0] * MAX_ROWS))

        html = render(view)

        assert view.rows is None
        assert "<details" not in html
        assert "<pre" in html
        assert "&lt;b&gt;\\u202e" in html

    def test_largest_payload_that_is_shown_has_rows(self):
        rows = see(json.dumps([0] * (MAX_ROWS - 2))).rows

        assert rows is not None
        assert len(rows) == MAX_ROWS

    @pytest.mark.parametrize(
        ("view", "words"),
        [
            pytest.param(view_payload(None, may_see=True), "Nothing yet.", id="empty"),
            pytest.param(view_payload("[1]", may_see=False), "Hidden (3\xa0bytes)", id="hidden"),
            pytest.param(
                view_payload('"' + "x" * 70_000 + '"', may_see=False), "68.4\xa0KB", id="size"
            ),
        ],
    )
    def test_what_is_not_shown_says_why(self, view: PayloadView, words: str):
        html = render(view, download_url="/download/")

        assert words in html
        assert "/download/" not in html

    def test_what_is_too_large_can_be_downloaded(self):
        html = render(see('"' + "x" * 70_000 + '"'), download_url="/download/?a=1&b=2")

        assert "Too large to show (68.4\xa0KB)" in html
        assert '<a href="/download/?a=1&amp;b=2">Download as JSON</a>' in html
