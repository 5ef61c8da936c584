from __future__ import annotations

import pytest
from django.utils import translation

from durable_django.admin.list.capped_count import CappedCount


@pytest.mark.parametrize(
    ("language", "counted", "said"),
    [
        ("en", 12, "12"),
        ("en", 10_000, "10,000"),
        ("en", 10_001, "10,000+"),
        ("de", 10_001, "10.000+"),
    ],
)
def test_count_is_said_in_the_users_language(language: str, counted: int, said: str):
    with translation.override(language):
        assert str(CappedCount.of(counted)) == said
