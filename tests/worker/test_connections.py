from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import DatabaseError, connection, transaction

from durable_django.worker.connections import drop_connections, tidy_connections

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh_connection() -> Iterator[None]:
    connection.ensure_connection()
    yield
    connection.close()


def is_open() -> bool:
    return connection.connection is not None


def test_a_good_connection_is_kept() -> None:
    before = connection.connection
    tidy_connections(is_doubtful=False)
    tidy_connections(is_doubtful=True)
    assert connection.connection is before


def test_a_connection_past_its_age_is_kept_all_the_same() -> None:
    connection.close_at = 0.0
    tidy_connections(is_doubtful=True)
    assert is_open()


def test_after_an_error_a_connection_that_still_works_is_kept() -> None:
    with pytest.raises(DatabaseError), connection.cursor() as cursor:
        cursor.execute("SELECT nothing FROM nowhere")
    assert connection.errors_occurred
    tidy_connections(is_doubtful=False)
    assert is_open()
    assert not connection.errors_occurred


@pytest.mark.skipif(connection.vendor == "sqlite", reason="a file does not go away")
def test_a_dead_connection_is_dropped() -> None:
    assert connection.connection is not None
    connection.connection.close()
    connection.errors_occurred = True
    tidy_connections(is_doubtful=False)
    assert not is_open()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def test_what_was_left_open_is_closed() -> None:
    transaction.set_autocommit(False)
    tidy_connections(is_doubtful=False)
    assert not is_open()
    assert connection.get_autocommit()


def test_a_transaction_that_was_left_open_is_rolled_back() -> None:
    transaction.atomic().__enter__()
    tidy_connections(is_doubtful=False)
    assert not is_open()
    with transaction.atomic():
        assert connection.in_atomic_block
    assert not connection.in_atomic_block


def test_dropping_a_dead_connection_is_no_error() -> None:
    assert connection.connection is not None
    connection.connection.close()
    drop_connections()
    drop_connections()
    assert not is_open()
