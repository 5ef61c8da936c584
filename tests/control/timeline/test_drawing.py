from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.html import escape
from hypothesis import given

from durable_django.control.timeline.bundles import MAX_IN_ROW
from durable_django.control.timeline.drawing import WIDTH, Drawing, anchor_of, draw_timeline
from durable_django.control.timeline.timeline import build_timeline
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    SignalStatus,
    WaitKind,
)
from durable_django.testing import make_execution
from tests.control.records import Records, any_records, at, records

FAILED = CheckpointStatus.FAILED
MONTH = 30 * 86_400
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onfocus='alert(1)",
    "javascript:alert(1)",
    "</title></svg><script>alert(1)</script>",
    "a\nb",
    "\u202egpj.exe",
    "{{ 7|add:7 }}{% now 'Y' %}",
]


def draw(stored: Records, now: float = 10, **options: str) -> Drawing:
    return draw_timeline(build_timeline(*stored.all, at(now)), **options)


def render(drawing: Drawing, **context: object) -> str:
    return render_to_string("durable_django/timeline.html", {"drawing": drawing, **context})


def sleeping() -> Records:
    stored = records(
        ExecutionStatus.SUSPENDED,
        waiting_kind=WaitKind.TIMER,
        waiting_for="cooling_off",
        wake_at=at(MONTH),
    )
    stored.step("charge", 0.5, 1, status=FAILED, retry_at=at(3))
    stored.step("charge", 3.1, 4, attempt=2)
    stored.step("packed", 7, 7, kind=CheckpointKind.SIGNAL)
    stored.signal("packed", 6, status=SignalStatus.DELIVERED, delivered_at=at(7))
    stored.signal("other", 8)
    stored.timer("cooling_off", MONTH)
    return stored


class TestGeometry:
    def test_bars_and_diamonds_are_inside_the_plot(self):
        drawing = draw(sleeping(), now=20)

        for row in drawing.rows:
            for bar in row.bars:
                assert bar.width >= 6
                assert drawing.left <= bar.x
                assert bar.x + bar.width <= drawing.right + 0.1
                assert row.y < bar.y < bar.y + bar.height < row.y + drawing.row_height
            for diamond in row.diamonds:
                xs = [float(corner.split(",")[0]) for corner in diamond.points.split()]
                assert drawing.left <= min(xs) < max(xs) <= drawing.right

    def test_words_stand_beside_the_bars_and_inside_the_drawing(self):
        drawing = draw(sleeping(), now=20)

        for row in drawing.rows:
            assert all(bar.x + bar.width < row.summary_x for bar in row.bars)
            assert row.summary_x + len(row.short_summary) * 6 < WIDTH

    def test_words_on_the_axis_do_not_lie_over_one_another(self):
        axis = draw(sleeping(), now=20).axis
        middles = sorted(
            [(tick.x, len(tick.label)) for tick in axis.ticks if tick.label]
            + [(fold.middle, len(fold.label)) for fold in axis.folds if fold.label]
        )

        for (x, length), (next_x, next_length) in pairwise(middles):
            assert x + length * 3 <= next_x - next_length * 3

    def test_a_long_sleep_is_folded_and_broken_where_its_bar_passes(self):
        drawing = draw(sleeping(), now=9)

        [fold] = drawing.axis.folds
        [sleep] = [row for row in drawing.rows if row.label == "cooling_off"]
        assert fold.label == "≈ 29 d"
        assert sleep.breaks == (fold.middle,)
        assert sleep.bars[0].width > fold.width

    def test_the_now_line_is_there_while_it_lives(self):
        ended = records(ExecutionStatus.COMPLETED, finished_at=at(2))

        assert draw(sleeping()).now_x is not None
        assert draw(ended).now_x is None

    def test_many_attempts_are_drawn_together(self):
        stored = records(ExecutionStatus.FAILED, finished_at=at(2_000))
        for attempt in range(1, 301):
            begin = attempt * 5
            stored.step(
                "poll", begin, begin + 1, status=FAILED, attempt=attempt, retry_at=at(begin + 4)
            )

        [row] = draw(stored, now=3_000).rows

        assert len(row.bars) <= MAX_IN_ROW
        assert row.bars[0].title == "8 attempts: 8 failed"

    def test_a_failure_among_many_successes_keeps_a_bar_of_its_own(self):
        stored = records(ExecutionStatus.COMPLETED, finished_at=at(2_000))
        for number in range(1, 301):
            key = f"page#{number}"
            status = FAILED if number == 150 else CheckpointStatus.COMPLETED
            stored.step(key, number * 2, number * 2 + 1, status=status)

        [row] = draw(stored, now=3_000).rows

        assert [bar.kind for bar in row.bars].count("failed") == 1
        assert len(row.bars) <= MAX_IN_ROW

    def test_an_execution_of_no_time_can_be_drawn(self):
        stored = records(ExecutionStatus.PENDING, started_at=None, wake_at=at(0))

        [row] = draw(stored, now=0).rows

        assert row.label == "waits for a worker"


class TestAnchors:
    @pytest.mark.parametrize(
        ("key", "anchor"),
        [
            ("charge", "step-charge"),
            ("charge#2", "step-charge.23.2"),
            ("~undo/a.b", "step-.7e.undo.2f.a.2e.b"),
            ("ü x", "step-.fc..20.x"),
        ],
    )
    def test_an_anchor_is_safe_and_tells_keys_apart(self, key, anchor):
        assert anchor_of(key) == anchor


class TestTemplate:
    def test_the_drawing_is_well_formed_and_says_what_it_is(self):
        svg = _svg_of(render(draw(sleeping(), now=20)))

        title = svg.find("title")
        # A picture would hide the links in it.
        assert svg.get("role") == "group"
        assert title is not None
        assert svg.get("aria-labelledby") == title.get("id")
        assert title.text.startswith("Timeline of shop.order: 4 rows")

    def test_every_bar_is_a_link_with_a_title_to_a_place_on_the_page(self):
        html = render(draw(sleeping(), now=20))

        links = _svg_of(html).findall(".//a")
        assert len(links) == 11
        for link in links:
            assert link.findtext("title")
            assert f'id="{link.get("href")[1:]}"' in html

    def test_links_lead_to_another_page_if_one_is_given(self):
        html = render(draw(sleeping(), step_url="?tab=steps"), step_url="?tab=steps")

        assert 'href="?tab=steps#step-charge"' in html
        assert 'id="step-charge"' not in html

    def test_nothing_in_it_needs_inline_styles_or_scripts(self):
        html = render(draw(sleeping(), now=20), stylesheet=True)

        assert not re.search(r"\sstyle=|<script|<style|\son\w+=|javascript:", html)
        assert '<link rel="stylesheet" href="/static/durable_django/timeline.css">' in html

    def test_the_table_says_the_same(self):
        html = render(draw(sleeping(), now=20))

        table = html[html.index("<details") :]
        for words in ("back-off", "signal delivered", "signal pending", "2 s", "cooling_off"):
            assert words in table

    @pytest.mark.parametrize("language", ["en", "de", "ar"])
    def test_numbers_in_the_geometry_are_numbers_in_every_language(self, language):
        with translation.override(language):
            svg = _svg_of(render(draw(sleeping(), now=20)))

        for shape in svg.iter():
            for name in ("x", "y", "x1", "x2", "y1", "y2", "width", "height"):
                assert shape.get(name) is None or float(shape.get(name)) >= 0

    @pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
    def test_no_name_or_message_becomes_markup(self, name):
        stored = records(ExecutionStatus.FAILED, workflow_name=name, finished_at=at(9))
        stored.step(name, 1, 2, status=FAILED, error=name, is_final=True)
        stored.signal(name, 3)

        html = render(draw(stored))

        tags, attributes = _markup_of(html)
        assert {"script", "img"}.isdisjoint(tags)
        assert not any(name.startswith("on") or name in ("style", "src") for name in attributes)
        assert escape(name) in html
        assert _svg_of(html).tag == "svg"


def _svg_of(html: str) -> ET.Element:
    """Return the drawing as a browser's XML parser sees it."""
    found = re.search(r'<svg class="dw-timeline-drawing".*?</svg>(?=\s*</div>)', html, re.DOTALL)
    assert found
    text = found[0].replace(' xmlns="http://www.w3.org/2000/svg"', "")
    return ET.fromstring(text)  # noqa: S314 -- our own


def _markup_of(html: str) -> tuple[set[str], set[str]]:
    """Return the elements and the attributes that a browser finds."""
    tags, attributes = set(), set()

    class Parser(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.add(tag)
            attributes.update(name for name, _value in attrs)

    Parser().feed(html)
    return tags, attributes


def test_a_bar_of_a_child_leads_to_its_page_and_its_label_is_indented():
    stored = records(ExecutionStatus.SUSPENDED, waiting_kind=WaitKind.CHILD, waiting_for="all/pay")
    child = make_execution()
    own = {"kind": CheckpointKind.CHILD, "idempotency_key": str(child.id), "branch_position": 1}
    stored.step("all/pay", 1, **own)
    timeline = build_timeline(*stored.all, at(10), children={child.id: child})

    drawing = draw_timeline(timeline, step_url="?tab=steps", url_of=lambda one: f"/x/{one}/")
    elsewhere = draw_timeline(timeline)

    group, row = drawing.rows
    assert (row.href, row.word, row.label) == (f"/x/{child.id}/", "child", "pay")
    assert row.label_x > group.label_x
    assert elsewhere.rows[1].href == "#step-all.2f.pay"


def test_what_waits_outside_for_long_is_folded():
    stored = records(ExecutionStatus.COMPLETED, finished_at=at(MONTH + 9))
    stored.step("charge", 1, 2)
    stored.step("pay", 3, MONTH, kind=CheckpointKind.CHILD)
    stored.step("ship", MONTH, MONTH + 5)

    drawing = draw(stored, MONTH + 9)

    assert [fold.title for fold in drawing.axis.folds] == ["29 d 23 h"]
    assert drawing.rows[1].breaks


@given(any_records())
def test_whatever_is_stored_can_be_drawn_inside_its_lines(stored_and_now):
    stored, now = stored_and_now

    timeline = build_timeline(*stored.all, now)
    drawing = draw_timeline(timeline)

    for row in timeline.rows:
        assert all(one.starts_at <= one.ends_at for one in row.segments)
    for row in drawing.rows:
        for bar in row.bars:
            assert bar.width >= 6
            assert drawing.left <= bar.x <= bar.x + bar.width <= drawing.right + 0.1
