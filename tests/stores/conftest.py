from __future__ import annotations

import pytest

pytest.register_assert_rewrite("durable_django.testing.store_contract")
