from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from durable_django.domain.status import ExecutionStatus
from durable_django.models import WorkflowExecution
from durable_django.testing.driver import DurableDriver
from tests.admin.acting import act_url, log_in, order

WAITS = "<dt>Waits for</dt>"


@pytest.mark.django_db
@pytest.mark.parametrize("status", [ExecutionStatus.SUSPENDED, ExecutionStatus.PAUSED])
def test_a_page_that_acts_says_what_is_waited_for(
    durable: DurableDriver, status: ExecutionStatus
) -> None:
    assert WAITS in read_page_of_act(durable, status)


@pytest.mark.django_db
@pytest.mark.parametrize("status", [ExecutionStatus.RUNNING, ExecutionStatus.COMPENSATING])
def test_a_wait_that_is_over_is_not_said(durable: DurableDriver, status: ExecutionStatus) -> None:
    assert WAITS not in read_page_of_act(durable, status)


def read_page_of_act(durable: DurableDriver, status: ExecutionStatus) -> str:
    execution = durable.start(order)
    # A claim leaves in the row what was waited for.
    WorkflowExecution.objects.filter(pk=execution.id).update(status=status.value)
    user = User.objects.create_superuser("root")

    return log_in(user).get(act_url(execution.id, "pause")).content.decode()
