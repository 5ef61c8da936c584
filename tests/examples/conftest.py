from __future__ import annotations

from collections.abc import Callable

import pytest

from example_project.simulation.models import FaultKind, FaultSwitch, Gateway

#: Makes a gateway misbehave: for ever, or for the next `remaining` calls.
Break = Callable[..., FaultSwitch]


@pytest.fixture
def break_gateway(db: None) -> Break:
    def switch_on(
        gateway: Gateway, kind: FaultKind = FaultKind.FAIL, remaining: int | None = None
    ) -> FaultSwitch:
        return FaultSwitch.objects.create(gateway=gateway, kind=kind, remaining=remaining)

    return switch_on
