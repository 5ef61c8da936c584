"""An action may act on its own execution, unless its own transaction would take that back."""

from __future__ import annotations

import pytest

from durable_django import WorkflowContext, client, workflow
from durable_django.testing.driver import DurableDriver


@workflow(name="test.cancels_itself")
def cancels_itself(ctx: WorkflowContext, act: str, *, atomic: bool) -> None:
    acts = {"cancel": client.cancel, "pause": client.pause}
    ctx.step("act", lambda: acts[act](ctx.execution_id), atomic=atomic)
    ctx.step("never", lambda: None)


@pytest.mark.parametrize("act", ["cancel", "pause"])
def test_an_atomic_action_is_refused_by_name(durable: DurableDriver, act: str) -> None:
    execution = durable.start(cancels_itself, act, atomic=True)

    assert execution.status == "failed"
    assert f"cannot {act} its own execution" in str(execution.error)


@pytest.mark.parametrize(("act", "status"), [("cancel", "cancelled"), ("pause", "paused")])
def test_an_external_action_is_heard_at_the_next_durable_call(
    durable: DurableDriver, act: str, status: str
) -> None:
    execution = durable.start(cancels_itself, act, atomic=False)

    assert execution.status == status
    assert durable.steps(execution) == ["act"]
