"""The pages of executions that direct others, in a real browser, in light and dark."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.urls import reverse

from durable_django.engine.durable_engine import DurableEngine
from durable_django.models import WorkflowExecution
from tests.browser.conftest import Window

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

STATES = ("parallel", "parent", "race", "mapping", "polling")
TABS = ("timeline", "steps", "graph", "history", "children", "related")


@pytest.mark.parametrize("state", STATES)
def test_every_tab_opens_without_a_fault(
    window: Window, family: dict[str, UUID], state: str
) -> None:
    for tab in TABS:
        window.open(f"{_page_of(family[state])}?tab={tab}")

    assert window.faults == []


def test_branches_stand_side_by_side(window: Window, family: dict[str, UUID]) -> None:
    window.open(f"{_page_of(family['parallel'])}?tab=graph")

    boxes = [one.bounding_box() for one in window.page.locator(".dw-lanes > li").all()]

    assert len(boxes) >= 4
    assert len({round(box["y"]) for box in boxes}) == 1
    assert sorted(box["x"] for box in boxes) == [box["x"] for box in boxes]


def test_branches_are_indented_among_the_steps(window: Window, family: dict[str, UUID]) -> None:
    window.open(f"{_page_of(family['parallel'])}?tab=steps")

    def left(key: str) -> float:
        return float(window.page.locator(f"h2[title='{key}']").bounding_box()["x"])

    assert left("prepare") < left("prepare/stock") < left("prepare/pack/box")


def test_from_the_box_one_comes_to_the_child_and_back(
    window: Window, family: dict[str, UUID]
) -> None:
    window.open(_page_of(family["parent"]))

    window.page.click(".dw-waits a")
    window.page.wait_for_load_state()
    assert "Parked" in window.page.locator("#dw-header").inner_text()
    window.page.click("#dw-ancestors a")
    window.page.wait_for_load_state()

    assert window.page.url.endswith(_page_of(family["parent"]))
    assert window.faults == []


def test_a_map_leads_to_its_items_and_to_those_that_failed(
    window: Window, family: dict[str, UUID]
) -> None:
    window.open(f"{_page_of(family['mapping'])}?tab=steps")

    window.page.click("#step-load .dw-items a >> nth=1")
    window.page.wait_for_load_state()

    assert window.page.locator(".dw-tab tbody tr").count() == 3
    assert window.faults == []


def test_the_list_of_children_keeps_itself_up_to_date(
    window: Window, family: dict[str, UUID], engine: DurableEngine
) -> None:
    window.open(f"{_page_of(family['mapping'])}?tab=children")
    waiting = WorkflowExecution.objects.filter(
        parent_id=family["mapping"], status="suspended"
    ).first()
    assert waiting is not None

    engine.acts.pause(waiting.pk)

    row = window.page.locator(f"#dw-child-{waiting.pk} .dw-paused")
    row.wait_for(timeout=10_000)
    assert window.faults == []


def _page_of(execution_id: UUID) -> str:
    return reverse("admin:durable_django_workflowexecution_change", args=[execution_id])
