from __future__ import annotations

import pytest

from durable_django.domain.identifiers import new_id
from durable_django.domain.status import CheckpointKind
from durable_django.engine.branches import BranchStatus
from durable_django.engine.group_record import GroupRecord, read_record, write_record
from durable_django.testing import make_error, make_outcome

RECORDS = [
    GroupRecord(statuses={"a": BranchStatus.DONE, "b": BranchStatus.DROPPED}, by="a"),
    GroupRecord(
        statuses={"a": BranchStatus.FAILED}, by="a", has_failed=True, failed_calls=("g/a/step",)
    ),
    GroupRecord(statuses={"a": BranchStatus.DROPPED}, has_timed_out=True),
    GroupRecord(statuses={}),
]


@pytest.fixture
def checkpoint():
    return make_outcome(new_id(), "g", kind=CheckpointKind.GROUP)


@pytest.mark.parametrize("record", RECORDS)
def test_it_is_read_as_it_was_written(record, checkpoint):
    error = make_error() if record.has_failed else None

    written = write_record(record, checkpoint, error)

    assert read_record(written) == record
    assert (written.status == "failed") == record.has_failed
    assert (written.is_final, written.error is not None) == (record.has_failed, record.has_failed)


def test_only_what_had_an_outcome_of_its_own_counts():
    every = {str(status): status for status in BranchStatus}
    record = GroupRecord(statuses=every)

    assert {name for name in record.names() if record.counts(name)} == {"done", "failed"}
    assert not record.counts("unknown")
