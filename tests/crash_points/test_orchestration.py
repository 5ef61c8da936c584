"""Die for real at every point of a fan-out with a child, a human task, a map and a race."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.crash_points.campaign import Campaign
from tests.crash_points.families import FAMILIES
from tests.crash_points.story import Story

logger = logging.getLogger(__name__)
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("story", FAMILIES, ids=lambda story: story.name)
def test_family_survives_a_crash_at_every_point(story: Story, tmp_path: Path, stride: int) -> None:
    # With a stride of one every point is tried, however long the story.
    step = stride * story.stride_factor if stride > 1 else 1
    first = 1 + 2 * (FAMILIES.index(story) % max(1, step // 2))

    report = Campaign(story, tmp_path).run(first=first, stride=step)

    logger.info("%s", report.summary())
    assert not report.violations, report.describe()
    # A slow machine passes a few more: the queue's control is looked up once a second.
    assert report.crashes >= len(range(first, report.points + 1, step))


@pytest.mark.parametrize("story", FAMILIES, ids=lambda story: story.name)
def test_instrument_sees_every_act_from_both_sides(story: Story, tmp_path: Path) -> None:
    _, points = Campaign(story, tmp_path).run_undisturbed()

    sides = [point.partition(" ")[0] for point, _ in points]
    assert sides == ["before", "after"] * (len(sides) // 2)
    assert len(points) >= story.min_points
