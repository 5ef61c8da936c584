from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

import durable_django

SHEETS = sorted((Path(durable_django.__file__).parent / "static/durable_django").glob("*.css"))
CSS = {sheet.name: re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL) for sheet in SHEETS}
STATUSES = [
    "pending",
    "running",
    "suspended",
    "retrying",
    "paused",
    "parked",
    "compensating",
    "completed",
    "failed",
]
#: WCAG 2.2, 1.4.3: of text and what is behind it.
LEAST_CONTRAST = 4.5
#: What stands for a drawing, never for words; a disabled button says nothing that is needed.
PALE = {".dw-stripe", ".dw-fold rect", ".dw-button:disabled"}
PALE |= {".dw-node + .dw-node::before", ".dw-node + .dw-node::after"}


def scheme(start: str) -> dict[str, str]:
    """Return the variables that the block of durable.css with this beginning sets."""
    css = CSS["durable.css"]
    block = css[css.index(start) : css.index("}", css.index(start))]
    return dict(re.findall(r"--dw-([a-z-]+): ([^;]+);", block))


def luminance(colour: tuple[float, ...]) -> float:
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def rgb(text: str) -> tuple[float, ...]:
    digits = text.removeprefix("#")
    pairs = [c * 2 for c in digits] if len(digits) == 3 else re.findall("..", digits)
    return tuple(int(pair, 16) / 255 for pair in pairs)


@pytest.mark.parametrize("start", [":root,", 'html[data-theme="dark"]'], ids=["light", "dark"])
@pytest.mark.parametrize("status", [*STATUSES, "cancelled"])
def test_badge_is_legible(status: str, start: str):
    colours = scheme(start)
    front, base = rgb(colours[status]), rgb(colours["badge-base"])
    tint = float(colours["badge-tint"].removesuffix("%")) / 100
    behind = tuple(tint * f + (1 - tint) * b for f, b in zip(front, base, strict=True))

    low, high = sorted((luminance(front), luminance(behind)))

    assert (high + 0.05) / (low + 0.05) >= LEAST_CONTRAST


def test_dark_is_the_same_whoever_asks_for_it():
    assert scheme('html[data-theme="dark"]') == scheme("@media (prefers-color-scheme: dark)")


@pytest.mark.parametrize("name", CSS)
def test_variables_of_the_admin_have_a_fallback(name: str):
    assert re.findall(r"var\(--(?!dw-)[a-z-]+\)", CSS[name]) == []


@pytest.mark.parametrize("name", CSS)
def test_no_words_are_made_pale(name: str):
    rules = re.findall(r"([^{}]+)\{[^{}]*(?<!-)opacity: 0?\.\d", CSS[name])
    inside_keyframes = {"50%"}

    assert {rule.strip() for rule in rules} - inside_keyframes <= PALE


def test_animations_have_names_of_their_own():
    names = Counter(re.findall(r"@keyframes ([\w-]+)", "".join(CSS.values())))

    assert all(count == 1 for count in names.values())


@pytest.mark.parametrize("name", ["durable.css", "payload.css", "timeline.css"])
def test_dark_may_be_said_by_a_class_as_unfold_does(name: str):
    asked = re.findall(r"[^{}]*html\[data-theme=\"dark\"\][^{}]*\{", CSS[name])

    assert asked
    assert all("html.dark" in selector for selector in asked)
