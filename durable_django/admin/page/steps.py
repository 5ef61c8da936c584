"""The steps of an execution: each durable call with all its attempts, branches under their groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from durable_django.admin.page.attempts import (
    BRANCH_BADGES,
    UNDER_WAY,
    Attempt,
    badge_of,
    show_attempt,
    show_attempts,
    show_input,
)
from durable_django.admin.page.header import show_instant
from durable_django.admin.page.look import Look, Tab
from durable_django.admin.page.payloads import ShownPayload
from durable_django.admin.page.rows import PAGE_SIZE, list_attempts_between, list_items
from durable_django.control import badges
from durable_django.control.actions import Action
from durable_django.control.badges import Badge
from durable_django.control.calls import Call, group_calls
from durable_django.control.groups import (
    BRANCH_WORDS,
    Place,
    arrange,
    begun_at,
    branch_status,
    flatten,
    is_race,
    read_group,
)
from durable_django.control.items import ItemCount
from durable_django.control.timeline.drawing import anchor_of
from durable_django.control.waiting import child_id_of
from durable_django.control.wording import BRANCH_WORD, CALL_WORDS, RACE_WORD
from durable_django.domain.execution import Execution
from durable_django.domain.status import CheckpointKind

#: Of a call that was tried more often, the newest attempts are shown.
MAX_ATTEMPTS = 20
#: Deeper ones are no further indented.
_MAX_INDENT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """How one branch of a decided group ended."""

    name: str
    #: Where it is on the page; empty if nothing is recorded of it.
    anchor: str
    outcome: str
    decided: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMap:
    """How far the items of a map have come, and where they are listed."""

    count: ItemCount
    text: str
    url: str
    failed_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownChild:
    """The execution that a call started."""

    id: str
    #: Empty if the user may not see it.
    url: str
    workflow: str
    badge: Badge | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One durable call, ready to be shown; or a group or a branch, known by the calls in it."""

    key: str
    #: Of its place among its siblings: the last part of its key.
    label: str
    #: The class that indents it; empty in the body.
    indent: str
    anchor: str
    #: What kind of call, in a word; empty for a step.
    kind: str
    badge: Badge
    #: The class that colours its edge.
    edge: str
    #: Of what is only known by the calls in it: when the first of them was begun.
    begun: SafeString
    attempts: Sequence[Attempt]
    undos: Sequence[Attempt]
    undo_anchor: str
    #: Attempts that are too many to be shown.
    left_out: int
    branches: Sequence[Branch]
    map: ShownMap | None
    child: ShownChild | None
    arguments: ShownPayload | None
    action: str
    compensation: str
    idempotency_key: str
    fork_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownItem:
    """One attempt of one item of a map, ready to be shown."""

    key: str
    attempt: Attempt
    arguments: ShownPayload | None


def list_steps(look: Look) -> list[Step]:
    """Return the calls of the page that is looked at, in the order in which they were made."""
    first = (look.page - 1) * PAGE_SIZE + 1
    rows = list_attempts_between(
        look.row,
        first,
        first + PAGE_SIZE - 1,
        of_each=MAX_ATTEMPTS,
        payloads=look.may_see_payloads,
    )
    places = list(flatten(arrange(group_calls(rows))))
    present = {place.key for place in places}
    return [_show_place(look, place, present) for place in places]


def list_shown_items(look: Look) -> tuple[list[ShownItem], int]:
    """Return the attempts of a map's items on the page that is looked at, and how many there are."""
    rows, count = list_items(
        look.row,
        look.of,
        look.page,
        only_failed=look.only_failed,
        payloads=look.may_see_payloads,
    )
    items = [
        ShownItem(
            key=row.key.removeprefix(f"{look.of}/"),
            attempt=show_attempt(look, row),
            arguments=show_input(look, row),
        )
        for row in rows
    ]
    return items, count


def _show_place(look: Look, place: Place, present: set[str]) -> Step:
    call = place.call
    badge = badge_of(look, call.last) if call is not None else _badge_of_open(look, place)
    shown = _show_call(look, call) if call is not None else _NOTHING_RECORDED
    return Step(
        key=place.key,
        label=place.label if place.depth else place.key,
        indent=f"dw-depth-{min(place.depth, _MAX_INDENT)}" if place.depth else "",
        anchor=anchor_of(place.key),
        kind=_kind_of(place),
        badge=badge,
        edge=badge.css_class.removeprefix("dw-badge "),
        begun=SafeString("") if call is not None else show_instant(begun_at(place), look.now),
        branches=list(_list_branches(place, present)),
        map=_show_map(look, call) if call is not None else None,
        child=_show_child(look, call) if call is not None else None,
        fork_url=_fork_url(look, place),
        **shown,
    )


def _show_call(look: Look, call: Call) -> dict[str, Any]:
    last = call.last
    # A group keeps there how its branches ended, and a child the name of its workflow.
    is_path = call.kind not in (CheckpointKind.GROUP, CheckpointKind.CHILD)
    return {
        "attempts": show_attempts(look, call.attempts),
        "undos": show_attempts(look, call.undos),
        "undo_anchor": anchor_of(call.undos[-1].key) if call.undos else "",
        "left_out": call.attempts[0].attempt - 1,
        "arguments": show_input(look, last),
        "action": last.action if is_path else "",
        "compensation": last.compensation,
        # A child's is its execution's id.
        "idempotency_key": "" if call.kind is CheckpointKind.CHILD else last.idempotency_key,
    }


_NOTHING_RECORDED: dict[str, Any] = {
    "attempts": (),
    "undos": (),
    "undo_anchor": "",
    "left_out": 0,
    "arguments": None,
    "action": "",
    "compensation": "",
    "idempotency_key": "",
}


def _kind_of(place: Place) -> str:
    if place.is_group:
        return str(RACE_WORD if is_race(place) else CALL_WORDS[CheckpointKind.GROUP])
    return str(CALL_WORDS[place.call.kind] if place.call is not None else BRANCH_WORD)


def _badge_of_open(look: Look, place: Place) -> Badge:
    """Return the badge of a group that is not decided, or of a branch that is a body."""
    status = branch_status(place)
    if status is not None:
        return BRANCH_BADGES[status]
    return badges.badge_of(look.execution) if look.execution.is_terminal else UNDER_WAY


def _list_branches(place: Place, present: set[str]) -> Iterator[Branch]:
    record = read_group(place.call.last) if place.call is not None else None
    for name, status in record.statuses.items() if record else ():
        key = f"{place.key}/{name}"
        yield Branch(
            name=name,
            anchor=anchor_of(key) if key in present else "",
            outcome=str(BRANCH_WORDS[status]),
            decided=record is not None and name == record.by,
        )


def _show_map(look: Look, call: Call) -> ShownMap | None:
    count = look.maps.get(call.key)
    if count is None:
        return None
    tab = Tab.CHILDREN if count.are_children else Tab.STEPS
    has_any = count.ended + count.open > 0
    return ShownMap(
        count=count,
        text=count.say(),
        url=look.links.to_tab(tab, of=call.key) if has_any else "",
        failed_url=look.links.to_tab(tab, of=call.key, only="failed") if count.failed else "",
    )


def _show_child(look: Look, call: Call) -> ShownChild | None:
    child_id = child_id_of(call.last)
    if child_id is None:
        return None
    child: Execution | None = look.children.get(child_id)
    return ShownChild(
        id=str(child_id),
        url=look.links.to_execution(child_id) if child is not None else "",
        workflow=call.last.action or _("unknown"),
        badge=badges.badge_of(child) if child is not None else None,
    )


def _fork_url(look: Look, place: Place) -> str:
    # Forked from inside, a group is made again as a whole: its own link says it.
    if Action.FORK not in look.actions or place.depth:
        return ""
    if place.call is not None and place.call.kind is CheckpointKind.UNDO:
        return ""
    return look.links.to_act(Action.FORK, key=place.key)
