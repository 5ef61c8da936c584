from __future__ import annotations

from pathlib import Path

import pytest
from django.template import Context, Template

import durable_django
from durable_django.control.badges import BADGES, RETRYING, badge_of
from durable_django.control.showing import say_distance
from durable_django.domain.status import ExecutionStatus, WaitKind
from durable_django.models import WorkflowExecution
from durable_django.testing import make_execution


def test_every_status_has_a_badge_of_its_own_with_icon_and_word():
    assert set(BADGES) == set(ExecutionStatus)
    assert len({badge.css_class for badge in BADGES.values()}) == len(BADGES)
    assert len({badge.icon for badge in BADGES.values()}) == len(BADGES)
    assert all(badge.icon and str(badge.label) for badge in BADGES.values())


@pytest.mark.parametrize("status", list(ExecutionStatus), ids=str)
def test_stylesheet_colours_every_badge(status: ExecutionStatus, stylesheet: str):
    name = BADGES[status].css_class.removeprefix("dw-badge dw-")

    assert f".dw-{name} {{ --dw-status: var(--dw-{name}); }}" in stylesheet
    # Light, dark by the system, dark by choice.
    assert stylesheet.count(f"--dw-{name}: #") == 3


def test_waiting_for_a_retry_looks_otherwise_than_waiting():
    waits = {"status": ExecutionStatus.SUSPENDED}

    retrying = badge_of(make_execution(**waits, waiting_kind=WaitKind.RETRY))
    sleeping = badge_of(make_execution(**waits, waiting_kind=WaitKind.TIMER))

    assert retrying == RETRYING
    assert sleeping == BADGES[ExecutionStatus.SUSPENDED]


def test_kind_of_a_wait_that_is_over_does_not_matter():
    running = make_execution(status=ExecutionStatus.RUNNING, waiting_kind=WaitKind.RETRY)

    assert badge_of(running) == BADGES[ExecutionStatus.RUNNING]


def test_tag_shows_icon_and_word_of_a_row():
    template = Template("{% load durable_django %}{% durable_badge execution %}")

    html = template.render(Context({"execution": WorkflowExecution(status="failed")}))

    assert 'class="dw-badge dw-failed"' in html
    assert "✗" in html
    assert "Failed" in html


def test_tag_shows_how_long_ago_and_exactly_when():
    execution = make_execution()
    template = Template("{% load durable_django %}{% durable_time instant now %}")
    instant = execution.created_at

    html = template.render(Context({"instant": instant, "now": instant.replace(hour=3, minute=9)}))

    assert ">3 h ago</time>" in html
    assert 'datetime="2026-01-01T00:00:00+00:00"' in html
    assert 'title="2026-01-01 00:00:00 UTC"' in html


def test_tag_shows_nothing_of_no_instant():
    template = Template("[{% load durable_django %}{% durable_time instant %}]")

    assert template.render(Context({"instant": None})) == "[]"


def test_distance_has_a_direction():
    instant = make_execution().created_at

    assert say_distance(instant.replace(second=40), instant) == "in 40 s"
    assert say_distance(instant, instant.replace(second=40)) == "40 s ago"
    assert say_distance(instant, instant) == "just now"


@pytest.fixture
def stylesheet() -> str:
    path = Path(durable_django.__file__).parent / "static/durable_django/durable.css"
    return path.read_text(encoding="utf-8")
