from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from durable_django.control.finding.matching import Criteria, CriteriaError, parse_search
from durable_django.control.finding.search_terms import MAX_SEARCH_LENGTH
from durable_django.domain.status import ExecutionStatus, ParkReason, WaitKind

ID = "01a1f812-7f89-7c44-8c0e-2f0d4b8f9a11"


@pytest.mark.parametrize(
    ("text", "criteria"),
    [
        ("", Criteria()),
        ("  \t\n ", Criteria()),
        ("order-991", Criteria(key_prefix="order-991")),
        ("order-*", Criteria(key_prefix="order-")),
        ('"order 991"', Criteria(key_prefix="order 991")),
        (ID, Criteria(execution_id=UUID(ID))),
        (ID.upper(), Criteria(execution_id=UUID(ID))),
        (ID.replace("-", ""), Criteria(execution_id=UUID(ID))),
        (f'"{ID}"', Criteria(key_prefix=ID)),
        (f"id:{ID}", Criteria(execution_id=UUID(ID))),
        (f"parent:{ID}", Criteria(parent=UUID(ID))),
        ("is:child", Criteria(is_child=True)),
        ("is:Root", Criteria(is_child=False)),
        ("status:failed", Criteria(statuses=(ExecutionStatus.FAILED,))),
        (
            "status:failed,parked",
            Criteria(statuses=(ExecutionStatus.FAILED, ExecutionStatus.PARKED)),
        ),
        ("STATUS:Waiting", Criteria(statuses=(ExecutionStatus.SUSPENDED,))),
        (
            "status:retrying",
            Criteria(statuses=(ExecutionStatus.SUSPENDED,), waiting_kind=WaitKind.RETRY),
        ),
        ("workflow:shop.order", Criteria(workflow="shop.order")),
        ("workflow:shop.", Criteria(workflow_prefix="shop.")),
        ("workflow:shop*", Criteria(workflow_prefix="shop")),
        ('workflow:"shop."', Criteria(workflow="shop.")),
        ("version:3", Criteria(version=3)),
        ("key:order-991", Criteria(key="order-991")),
        ("key:order-*", Criteria(key_prefix="order-")),
        ('key:"cart: 7*"', Criteria(key="cart: 7*")),
        ("tag:eu", Criteria(tag="eu")),
        ("object:shop.order:991", Criteria(subject="shop.order:991")),
        ("subject:shop.order:991", Criteria(subject="shop.order:991")),
        ("queue:mail", Criteria(queue="mail")),
        ("correlation:abc", Criteria(correlation_id="abc")),
        ("parked:poison", Criteria(park_reason=ParkReason.POISON)),
        ("parked:unknown-workflow", Criteria(park_reason=ParkReason.UNKNOWN_WORKFLOW)),
        ("waiting:paid", Criteria(waiting_for="paid")),
        ('waiting:"the money"', Criteria(waiting_for="the money")),
        ("error:shop.CardDeclined", Criteria(error_type="shop.CardDeclined")),
        ("has:error", Criteria(has_error=True)),
        (f"forked:{ID}", Criteria(forked_from=UUID(ID))),
        ("after:2026-01-31", Criteria(created_after=datetime(2026, 1, 31, tzinfo=UTC))),
        ("before:2026-01-31T09:00Z", Criteria(created_before=datetime(2026, 1, 31, 9, tzinfo=UTC))),
        (
            "status:failed workflow:shop.  order-991",
            Criteria(
                statuses=(ExecutionStatus.FAILED,), workflow_prefix="shop.", key_prefix="order-991"
            ),
        ),
        ("tag:eu tag:eu", Criteria(tag="eu")),
    ],
    ids=ascii,
)
def test_words_become_criteria(text: str, criteria: Criteria):
    assert parse_search(text) == criteria


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("status:bogus", "status: 'bogus' is none of: pending, running"),
        ("status:", "no value"),
        ("status:,", "status"),
        ("status:retrying,failed", "stands alone"),
        ("stauts:failed", "no such qualifier. Known: status:"),
        ("cart:77", 'key:"cart:77"'),
        ("cart-a:77", 'key:"cart-a:77"'),
        (":x", 'key:":x"'),
        ("version:x", "version: It is a whole number"),
        ("version:" + "9" * 150, "version: It is a whole number"),
        ("version:-1", "version"),
        ("id:order-991", "id: 'order-991' is no id"),
        ("parked:tired", "parked: 'tired' is none of"),
        ("has:money", "Only has:error"),
        ("is:orphan", "Only is:child and is:root"),
        ("is:child is:root", "both"),
        ("parent:order-991", "parent: 'order-991' is no id"),
        ("tag:e*", "whole value"),
        ("after:tomorrow", "such as 2026-01-31"),
        ("after:0001-01-01", "after: Its year"),
        ("after:0001-01-01T00:00:00+14:00", "after"),
        ("before:9999-12-31T23:59:59-14:00", "before"),
        ("order-1 order-2", "key_prefix: It cannot be both order-1 and order-2"),
        ("status:failed status:parked", "statuses: None is both"),
        ('"order', "not closed"),
        ('key:"order', "not closed"),
        ('key:"a"b', "comes a space"),
        ("key:a\x00b", "printable"),
        ("a\u202eb", "printable"),
        ("x" * 201, "at most 200 characters"),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_what_is_not_understood_is_said(text: str, message: str):
    with pytest.raises(CriteriaError) as refusal:
        parse_search(text)

    assert message in str(refusal.value)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 500


def test_a_time_without_a_zone_is_the_readers():
    with timezone.override("Asia/Tokyo"):
        criteria = parse_search("after:2026-01-31T09:00")

    assert criteria.created_after == datetime(2026, 1, 31, tzinfo=UTC)


@given(st.text(alphabet=st.sampled_from('ab:"*. ,\x00\ud800é') | st.characters(), max_size=200))
def test_no_text_raises_anything_but_a_refusal(text: str):
    try:
        criteria = parse_search(text)
    except CriteriaError as refusal:
        assert str(refusal)  # noqa: PT017 -- it may, but need not, be refused
    else:
        assert Criteria.from_json(criteria.to_json()) == criteria


def count_calls(text: str) -> int:
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        parse_search(text)
    except CriteriaError:
        pass
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize(
    "text",
    ["a " * 50_000, '"' * 100_000, "a:" * 50_000, " " * 100_000, 'key:"' * 20_000],
    ids=lambda text: ascii(text[:6]),
)
def test_a_very_long_search_costs_no_more_than_saying_that_it_is_too_long(text: str):
    assert len(text) >= 100_000
    assert count_calls(text) < 100


@pytest.mark.parametrize("unit", ["tag:e ", "a", ":", ' "', "status:failed "])
def test_work_grows_no_faster_than_the_search(unit: str):
    half, whole = (count_calls((unit * MAX_SEARCH_LENGTH)[:length]) for length in (100, 200))

    assert whole <= 3 * half + 50
