from __future__ import annotations

import logging
import sys
import traceback

import pytest
from cryptography.fernet import Fernet

from durable_django.codecs.encrypting import EncryptingCodec
from durable_django.codecs.tagged_json import TaggedJsonCodec
from durable_django.engine.serialization import Payloads
from durable_django.exceptions import ConfigurationError, PayloadError

OLD = Fernet.generate_key().decode()
NEW = Fernet.generate_key().decode()
SECRET = "SECRET-4711"


def make_codec(*keys: str, accepts_plain: bool = False) -> EncryptingCodec:
    return EncryptingCodec(TaggedJsonCodec(), keys, accepts_plain=accepts_plain)


def test_value_comes_back_and_its_text_hides_it():
    codec = make_codec(NEW)

    text = codec.encode({"card": SECRET, "$fernet": (1,)})

    assert SECRET not in text
    assert codec.decode(text) == {"card": SECRET, "$fernet": (1,)}


def test_text_is_json_that_the_gate_accepts():
    payloads = Payloads(make_codec(NEW))

    text = payloads.encode([1], "Result")

    assert list(payloads.check_text(text, "Result")) == ["$fernet"]


def test_first_key_encrypts_and_all_decrypt():
    stored = make_codec(OLD).encode(SECRET)
    rotating = make_codec(NEW, OLD)

    rotated = rotating.rotate(stored)

    assert rotating.decode(stored) == SECRET
    assert make_codec(NEW).decode(rotated) == SECRET
    assert make_codec(NEW).decode(rotating.encode(SECRET)) == SECRET


def test_key_that_is_gone_is_a_payload_error():
    stored = make_codec(OLD).encode(SECRET)

    with pytest.raises(PayloadError, match="its key is no longer in the list"):
        make_codec(NEW).decode(stored)


@pytest.mark.parametrize("position", [12, 40, -4])
def test_changed_text_is_refused_without_its_content(position):
    text = make_codec(NEW).encode(SECRET)
    flipped = "A" if text[position] != "A" else "B"
    changed = text[:position] + flipped + text[position + 1 or None :]

    with pytest.raises(PayloadError, match="was changed") as caught:
        make_codec(NEW).decode(changed)

    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    assert NEW not in shown


@pytest.mark.parametrize("text", ["", "1", '{"$fernet":"}', '{"$fernet":""}', '{"$fernet":"é"}', '{"a":1}'])  # fmt: skip
def test_text_that_is_no_token_is_refused(text):
    with pytest.raises(PayloadError):
        make_codec(NEW).decode(text)


def test_plain_text_is_read_only_if_asked_for():
    plain = TaggedJsonCodec().encode((1, 2))

    assert make_codec(NEW, accepts_plain=True).decode(plain) == (1, 2)
    with pytest.raises(PayloadError, match="is not encrypted"):
        make_codec(NEW).decode(plain)


def test_refusal_of_the_inner_codec_passes_through():
    with pytest.raises(PayloadError, match=r"\$\[0\] is of type object"):
        make_codec(NEW).encode([object()])


class TestDigest:
    def test_digest_is_of_the_value_and_needs_the_key(self):
        payloads = Payloads(make_codec(NEW))
        one, two = payloads.encode([5], "a"), payloads.encode([5], "b")

        digest = payloads.digest(one)

        assert one != two
        assert digest == payloads.digest(two)
        assert digest != payloads.digest(payloads.encode([6], "c"))
        assert digest != Payloads(TaggedJsonCodec()).digest("[5]")
        assert len(digest) == 32

    def test_digest_outlives_a_rotation(self):
        stored = Payloads(make_codec(OLD))
        digest = stored.digest(stored.encode([5], "a"))
        rotating = Payloads(make_codec(NEW, OLD))

        again = rotating.encode([5], "a")

        assert rotating.digest(again) != digest
        assert rotating.is_digest_of(digest, again)
        assert not rotating.is_digest_of(digest, rotating.encode([6], "a"))


class TestConfiguration:
    @pytest.mark.parametrize(
        "keys",
        [
            pytest.param([], id="none"),
            pytest.param(NEW, id="not a list"),
            pytest.param([SECRET], id="no key"),
            pytest.param([None], id="nothing"),
            pytest.param([NEW.encode()], id="bytes"),
            pytest.param([NEW, "é"], id="not ascii"),
        ],
    )
    def test_bad_keys_are_refused_and_not_shown(self, keys):
        with pytest.raises(ConfigurationError) as caught:
            EncryptingCodec(TaggedJsonCodec(), keys)

        shown = "".join(traceback.format_exception(caught.value, chain=True))
        assert SECRET not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
        assert "needs a list" in shown or "no Fernet key" in shown

    def test_without_cryptography_the_extra_is_named(self, monkeypatch):
        monkeypatch.delitem(sys.modules, "durable_django.codecs.encrypting")
        monkeypatch.setitem(sys.modules, "cryptography.fernet", None)

        with pytest.raises(ConfigurationError, match=r"durable-django\[encryption\]"):
            __import__("durable_django.codecs.encrypting")

    def test_nothing_is_logged(self, caplog):
        with caplog.at_level(logging.DEBUG):
            make_codec(NEW).decode(make_codec(NEW).encode(SECRET))

        assert not caplog.records
