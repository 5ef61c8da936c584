from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django.templatetags.durable_reports import (
    durable_count,
    durable_share,
    durable_took,
)


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0"), (1204, "1,204"), (10_000, "10,000"), (10_001, "10,000+")]
)
def test_count_says_where_counting_ended(count: int, shown: str):
    assert durable_count(count) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [(None, "–"), (0, "0 %"), (0.0004, "<0.1 %"), (0.032, "3.2 %"), (1, "100 %")],  # noqa: RUF001 -- a dash
)
def test_share_is_a_percentage(share: float | None, shown: str):
    assert durable_share(share) == shown


def test_duration_that_is_not_there_is_a_dash():
    assert durable_took(None) == "–"  # noqa: RUF001 -- a dash
    assert durable_took(timedelta(seconds=3)) == "3 s"
