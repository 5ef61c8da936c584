from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from durable_django.control.permissions import Permission
from durable_django.testing.driver import DurableDriver
from tests.admin.acting import log_in
from tests.control.human_tasks.desk import DO, SEE, STEER, person


@pytest.fixture(autouse=True)
def store(durable: DurableDriver) -> DurableDriver:
    """Put the engine in place whose clock is turned by hand."""
    return durable


def client_of(name: str, *permissions: Permission, **fields: Any) -> Client:
    return log_in(person(name, *permissions, is_staff=True, **fields))


@pytest.fixture
def eva(store: Any) -> Client:
    """She completes tasks, is in the group finance, and may do nothing else."""
    return client_of("eva", DO, groups=["finance"])


@pytest.fixture
def boss(store: Any) -> Client:
    """He sees all tasks and hands them on, and completes none."""
    return client_of("boss", SEE, STEER)
