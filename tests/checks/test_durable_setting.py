from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings

from durable_django.checks.durable_setting import check_durable_setting

FERNET_KEY = "a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U="


def ids_with(durable: Any) -> list[str | None]:
    with override_settings(DURABLE=durable):
        return [message.id for message in check_durable_setting()]


@pytest.mark.parametrize(
    ("durable", "expected"),
    [
        pytest.param({"LEASE_SECOND": 5}, "durable_django.E003", id="unknown key"),
        pytest.param({"LEASE_SECONDS": "5"}, "durable_django.E003", id="wrong type"),
        pytest.param([], "durable_django.E003", id="no dict"),
        pytest.param({"DATABASE": "other"}, "durable_django.E030", id="unknown alias"),
        pytest.param({"CODEC": "no.such.Codec"}, "durable_django.E031", id="no such module"),
        pytest.param({"OBSERVERS": ["os.Observer"]}, "durable_django.E031", id="no such class"),
        pytest.param({"ERROR_FORMATTER": "os.sep"}, "durable_django.E031", id="not callable"),
        pytest.param({"SCOPE": "no.such.scope"}, "durable_django.E031", id="no such scope"),
        pytest.param({"REDACTOR": "os.sep"}, "durable_django.E031", id="no function to redact"),
        pytest.param({"ON_STEP_MISMATCH": "no.such"}, "durable_django.E031", id="no such policy"),
        pytest.param({"LEASE_SECONDS": 1}, "durable_django.W012", id="short lease"),
        pytest.param({"TICK_SECONDS": 5}, "durable_django.W012", id="slow tick"),
    ],
)
def test_what_is_wrong_is_reported(durable: Any, expected: str):
    assert ids_with(durable) == [expected]


@pytest.mark.parametrize(
    "durable",
    [
        pytest.param({}, id="defaults"),
        pytest.param({"DATABASE": "default"}, id="alias"),
        pytest.param({"LEASE_SECONDS": 3}, id="shortest lease"),
        pytest.param({"ON_STEP_MISMATCH": "os.path.join"}, id="policy by path"),
        pytest.param({"ON_STEP_MISMATCH": "warn"}, id="policy by word"),
    ],
)
def test_what_is_right_is_passed_over(durable: Any):
    assert ids_with(durable) == []


def test_every_wrong_key_is_reported():
    with override_settings(DURABLE={"LEASE_SECOND": 5, "QUEUES": 1, "RETENTION_DAYS": 3}):
        messages = [str(message.msg) for message in check_durable_setting()]

    assert messages == [
        "DURABLE has no key 'LEASE_SECOND'. Did you mean 'LEASE_SECONDS'?",
        "DURABLE['QUEUES'] is a list of str, not 1.",
    ]


class TestEncryptionKeys:
    @pytest.fixture(autouse=True)
    def needs_cryptography(self):
        pytest.importorskip("cryptography", reason="needs the extra `encryption`")

    def test_good_keys_are_passed_over(self):
        assert ids_with({"ENCRYPTION_KEYS": [FERNET_KEY]}) == []

    def test_bad_key_is_reported_by_its_number_and_not_shown(self):
        with override_settings(DURABLE={"ENCRYPTION_KEYS": [FERNET_KEY, "hunter2"]}):
            [message] = check_durable_setting()

        assert message.id == "durable_django.E008"
        assert "key 2" in str(message.msg)
        assert "hunter2" not in str(message)
