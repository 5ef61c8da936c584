from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings

from durable_django.conf import DurableSettings, parse, readable_settings, settings
from durable_django.exceptions import ConfigurationError


def test_empty_setting_gives_the_defaults():
    assert parse({}) == DurableSettings()


def test_keys_are_upper_case_and_lists_become_tuples():
    conf = parse({"QUEUES": ["default", "slow"], "LEASE_SECONDS": 12})

    assert conf.queues == ("default", "slow")
    assert conf.lease_seconds == 12.0
    assert isinstance(conf.lease_seconds, float)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        pytest.param("LEASE_SECOND", "LEASE_SECONDS", id="a letter short"),
        pytest.param("lease_seconds", "LEASE_SECONDS", id="lower case"),
        pytest.param("DISPACHER", "DISPATCHER", id="misspelt"),
    ],
)
def test_unknown_key_says_what_was_meant(given: str, meant: str):
    with pytest.raises(ConfigurationError, match=f"Did you mean '{meant}'"):
        parse({given: 1})


def test_key_like_no_other_gets_no_suggestion():
    with pytest.raises(ConfigurationError) as caught:
        parse({"XYZZY": 1})

    assert str(caught.value) == "DURABLE has no key 'XYZZY'."


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("LEASE_SECONDS", "30", id="text for seconds"),
        pytest.param("LEASE_SECONDS", True, id="bool for seconds"),
        pytest.param("PUMP_BATCH", 2.5, id="fraction for a count"),
        pytest.param("PUMP_BATCH", True, id="bool for a count"),
        pytest.param("STORE_TRACEBACKS", 1, id="number for a bool"),
        pytest.param("DATABASE", None, id="None for text"),
        pytest.param("QUEUES", "default", id="text for a list"),
        pytest.param("QUEUES", [1], id="numbers in a list of text"),
    ],
)
def test_wrong_type_is_refused_by_name(key: str, value: Any):
    with pytest.raises(ConfigurationError, match=f"DURABLE\\['{key}'\\] is a "):
        parse({key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("LEASE_SECONDS", 0, id="lease of 0"),
        pytest.param("LEASE_SECONDS", float("nan"), id="lease that is no number"),
        pytest.param("HEARTBEAT_SECONDS", -1, id="heartbeat before now"),
        pytest.param("PUMP_THREADS", 0, id="no thread"),
        pytest.param("PUMP_LINGER_SECONDS", -0.1, id="linger before now"),
        pytest.param("RETENTION_DAYS", -1, id="retention before now"),
        pytest.param("QUEUES", [], id="no queue"),
        pytest.param("ON_STEP_MISMATCH", "ignore", id="unknown policy"),
    ],
)
def test_value_that_cannot_work_is_refused_by_name(key: str, value: Any):
    with pytest.raises(ConfigurationError, match=f"DURABLE\\['{key}'\\] must "):
        parse({key: value})


def test_something_else_than_a_dict_is_refused():
    with pytest.raises(ConfigurationError, match="DURABLE is a dict, not list"):
        parse([])  # type: ignore[arg-type]


def test_settings_are_read_once_and_again_when_overridden():
    before = settings()

    with override_settings(DURABLE={"RETENTION_DAYS": 7}):
        overridden = settings()

    assert settings() == before
    assert overridden.retention_days == 7


def test_readable_settings_fall_back_to_the_defaults():
    with override_settings(DURABLE={"NO_SUCH_KEY": 7}):
        conf = readable_settings()

    assert conf == DurableSettings()


@pytest.mark.parametrize("rate", ["fast", "0/min", "10/fortnight", "10", "/min", "1e3/min"])
def test_rate_that_is_none_is_refused(rate: str):
    with pytest.raises(ConfigurationError, match=r"'REST_WRITE_RATE'.*'600/min'"):
        parse({"REST_WRITE_RATE": rate})


@pytest.mark.parametrize("rate", ["", "1/s", "600/min", "5/hour", "100000/day"])
def test_rate_is_accepted(rate: str):
    assert parse({"REST_WRITE_RATE": rate}).rest_write_rate == rate


def test_pattern_that_is_no_regular_expression_is_refused():
    with pytest.raises(ConfigurationError, match=r"'REDACT'.*'\('"):
        parse({"REDACT": ["diagnosis", "("]})
