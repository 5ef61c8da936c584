from __future__ import annotations

import pytest

from durable_django.engine.mismatch_policy import mismatch_policy
from durable_django.exceptions import ConfigurationError


def test_a_function_is_its_own_policy():
    assert mismatch_policy(print) is print


@pytest.mark.parametrize("policy", ["Park", "", None, ["park"]], ids=repr)
def test_what_is_no_policy_is_refused(policy):
    with pytest.raises(ConfigurationError, match="'park', 'warn' or a function"):
        mismatch_policy(policy)
