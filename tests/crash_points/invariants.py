"""What must hold of any run, however often it crashed: RELIABILITY 2.1, as pure functions.

Each takes the evidence and yields what is wrong, in words that begin with the invariant's number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from durable_django.domain.wait import read_waits
from tests.crash_points.ledger import Entry, only
from tests.crash_points.snapshot import Snapshot, outline_of
from tests.crash_points.story import Story

TERMINAL = {"completed", "failed", "cancelled"}
#: Nothing wakes these but a person.
STILL = {"paused", "parked"}


@dataclass(frozen=True)
class Evidence:
    """One scene's ledger, and the outline of a run without faults."""

    story: Story
    entries: list[Entry]
    expected: Snapshot | None = None

    @property
    def snapshots(self) -> list[Snapshot]:
        return only(self.entries, "seen")

    @property
    def effects(self) -> list[Entry]:
        return only(self.entries, "effect")

    @property
    def crashes(self) -> int:
        return len(only(self.entries, "died"))

    @property
    def final(self) -> Snapshot:
        return self.snapshots[-1]


def find_violations(evidence: Evidence) -> list[str]:
    """Return everything that is wrong; nothing if all is well."""
    broken = [f"a life broke: {e['traceback']}" for e in only(evidence.entries, "broken")]
    if not evidence.snapshots:
        return broken or ["no life got as far as a snapshot"]
    return broken + [what for invariant in INVARIANTS for what in invariant(evidence)]


def ends_like_an_uncrashed_run(evidence: Evidence) -> Iterator[str]:
    story, row = evidence.story, evidence.final["execution"]
    end = (row["status"], row["output"])
    if evidence.crashes and end in story.other_ends:
        return
    if end != (story.status, story.output):
        yield f"I2: it ended {end}, not {(story.status, story.output)}"
    order = [step for step, _ in groupby(effect["step"] for effect in evidence.effects)]
    script = list(story.script)
    if not story.is_ordered:
        order, script = sorted(set(order)), sorted(script)
    if order != script:
        yield f"I5: actions ran in the order {order}, not {script}"
    got = outline_of(evidence.final)
    for part, expected in (evidence.expected or {}).items():
        if got[part] != expected:
            yield f"end: {part} is {_beside(got[part], expected)}"


def _beside(got: Any, expected: Any) -> str:
    """Return how the two differ, without what they share."""
    if isinstance(got, list) and isinstance(expected, list):
        more = [one for one in got if one not in expected]
        less = [one for one in expected if one not in got]
        if more or less:
            return f"{more}, without crashes {less}"
    return f"{got}, without crashes {expected}"


def no_action_runs_after_its_checkpoint_is_visible(evidence: Evidence) -> Iterator[str]:
    done: set[tuple[str, int]] = set()
    for entry in evidence.entries:
        if entry["what"] == "seen":
            done |= {
                (row["call_key"], row["attempt"])
                for row in entry["checkpoints"]
                if row["status"] != "intent"
            }
        elif entry["what"] == "effect" and (entry["step"], entry["attempt"]) in done:
            yield f"I1: {entry['step']} ran again after its checkpoint was visible"


def no_action_runs_more_often_than_crashes_allow(evidence: Evidence) -> Iterator[str]:
    runs = Counter((effect["step"], effect["attempt"]) for effect in evidence.effects)
    for (step, attempt), count in runs.items():
        if count > 1 + evidence.crashes:
            yield f"I5: attempt {attempt} of {step} ran {count} times, {evidence.crashes} crashes"
        if count > 1 and step in evidence.story.at_most_once:
            yield f"I5: {step} ran {count} times, and at most once is promised"


def an_effect_has_one_key(evidence: Evidence) -> Iterator[str]:
    keys = {(effect["step"], effect["key"]) for effect in evidence.effects}
    steps = {step for step, _ in keys}
    if len(keys) != len(steps) or len({key for _, key in keys}) != len(keys):
        yield f"I4: idempotency keys are not one per step: {sorted(keys)}"


def atomic_effects_happen_exactly_once(evidence: Evidence) -> Iterator[str]:
    tried = {effect["step"] for effect in evidence.effects if effect["kind"] == "atomic"}
    for step, count in Counter(row["step"] for row in evidence.final["effects"]).items():
        if count > 1:
            yield f"I6: {step} took effect {count} times"
    for snapshot in evidence.snapshots:
        recorded = {
            row["call_key"]
            for row in snapshot["checkpoints"]
            if row["call_key"] in tried and row["status"] in {"completed", "compensated"}
        }
        effects = {row["step"] for row in snapshot["effects"]}
        if recorded != effects:
            yield f"I6: effects {sorted(effects)} and checkpoints {sorted(recorded)} differ"


def timers_stand(evidence: Evidence) -> Iterator[str]:
    fire_at: dict[str, str] = {}
    for snapshot in evidence.snapshots:
        for row in snapshot["timers"]:
            first = fire_at.setdefault(row["call_key"], row["fire_at"])
            is_moved = row["call_key"] in evidence.story.moved_timers
            if row["fire_at"] != first and not is_moved:
                yield f"I20: timer {row['call_key']} moved from {first} to {row['fire_at']}"
            if is_moved and row["fire_at"] > first:
                yield f"I20: timer {row['call_key']} was put off from {first}"
            if row["status"] == "fired" and row["fire_at"] > snapshot["at"]:
                yield f"I20: timer {row['call_key']} fired before {first}"


def accepted_signals_are_consumed_once(evidence: Evidence) -> Iterator[str]:
    final = evidence.final
    positions = [row["position"] for row in final["signals"]]
    # Other news takes a position too: the end of a child, a completed task.
    has_other_news = bool(final["children"] or final["tasks"])
    expected = sorted(set(positions)) if has_other_news else list(range(1, len(positions) + 1))
    if positions != expected:
        yield f"I16: signal positions are {positions}"
    sent = Counter(row["dedupe_key"] for row in final["signals"])
    yield from (f"I15: signal {key} was accepted twice" for key, n in sent.items() if n > 1)
    for snapshot in evidence.snapshots:
        delivered = [row["payload"] for row in snapshot["signals"] if row["status"] == "delivered"]
        consumed = [
            row["output"]
            for row in snapshot["checkpoints"]
            if row["kind"] == "signal" and row["status"] == "completed"
        ]
        if sorted(delivered) != sorted(consumed):
            yield f"I18: delivered {delivered}, consumed {consumed}"


def nothing_is_stuck(evidence: Evidence) -> Iterator[str]:
    for snapshot in evidence.snapshots:
        row = snapshot["execution"]
        if row["status"] in TERMINAL | STILL or row["wake_at"] is not None:
            continue
        waits = [(row["waiting_kind"], row["waiting_for"])]
        if row["waiting_kind"] == "several":
            waits = [(str(kind), name) for kind, name in read_waits(row["waiting_for"])]
        if not any(_can_come(snapshot, kind, name) for kind, name in waits):
            yield f"I30: nothing will wake it: {row['status']}, {row['waiting_kind']!r}"
        if any(_has_come(snapshot, kind, name) for kind, name in waits):
            yield f"I30: what it waits for has come, and did not wake it: {waits}"


def _can_come(snapshot: Snapshot, kind: str, name: str) -> bool:
    own_id = snapshot["execution"]["id"]
    open_calls = {
        row["parent_key"]
        for row in snapshot["children"]
        if row["parent_id"] == own_id and row["status"] not in TERMINAL
    }
    if kind == "child":
        return name in open_calls
    if kind == "map":
        return any(call.startswith(f"{name}/") for call in open_calls)
    if kind == "task":
        active = {"open", "claimed"}
        return any(t["call_key"] == name and t["status"] in active for t in snapshot["tasks"])
    return kind in {"signal", "event"}


def _has_come(snapshot: Snapshot, kind: str, name: str) -> bool:
    if kind in {"signal", "event"}:
        pending = (s for s in snapshot["signals"] if s["status"] == "pending")
        return any(signal["name"] == name for signal in pending)
    return kind in {"child", "map", "task"} and not _can_come(snapshot, kind, name)


def a_call_has_one_child(evidence: Evidence) -> Iterator[str]:
    final = evidence.final
    calls = Counter((row["parent_id"], row["parent_key"]) for row in final["children"])
    yield from (f"I28: call {call} has {n} children" for (_, call), n in calls.items() if n > 1)
    attempts = {row["idempotency_key"] for row in final["checkpoints"] if row["kind"] == "child"}
    own_id = final["execution"]["id"]
    ids = {
        row["id"]
        for row in final["children"]
        if row["parent_id"] == own_id and row["parent_wait"] != "map"
    }
    if not ids <= attempts:
        yield f"I28: children that no call has recorded: {ids - attempts}"


def no_child_outlives_its_family(evidence: Evidence) -> Iterator[str]:
    for row in evidence.final["children"]:
        if row["status"] not in TERMINAL:
            yield f"I31: child {row['parent_key']} has not ended: {row['status']}"
        if row["status"] in TERMINAL and (row["wake_at"] or row["waiting_kind"]):
            yield f"I26: child {row['parent_key']} has ended and waits"


def what_has_ended_is_settled(evidence: Evidence) -> Iterator[str]:
    final, row = evidence.final, evidence.final["execution"]
    if row["status"] not in TERMINAL:
        yield f"I31: it has not ended: {row['status']}"
    if row["wake_at"] or row["waiting_kind"] or not row["finished_at"]:
        yield "I26: an ended execution has an alarm, a wait or no end"
    if final["subscriptions"]:
        yield f"I19: subscriptions of an ended execution: {final['subscriptions']}"
    if any(task["status"] in {"open", "claimed"} for task in final["tasks"]):
        yield "I19: an active task of an ended execution"
    for table in ("timers", "signals"):
        if any(entry["status"] == "pending" for entry in final[table]):
            yield f"I19: pending {table} of an ended execution"
    is_open = any(entry["status"] == "intent" for entry in final["checkpoints"])
    if is_open and row["status"] != "cancelled":
        # What a crash left open before a cancel stays so: nobody knows, and people must see it.
        yield "I7: an open intent of an ended execution"


def status_and_fence_only_move_on(evidence: Evidence) -> Iterator[str]:
    rows: list[dict[str, Any]] = [snapshot["execution"] for snapshot in evidence.snapshots]
    for before, after in pairwise(rows):
        if before["id"] != after["id"]:
            yield f"I28: one key, two executions: {before['id']} and {after['id']}"
        if after["fence"] < before["fence"] or after["signal_count"] < before["signal_count"]:
            yield f"I9: the fence fell from {before['fence']} to {after['fence']}"
        if before["status"] in TERMINAL and after != before:
            yield f"I26: an ended execution changed: {before} to {after}"
        if before["status"] == "running" != after["status"] and after["fence"] == before["fence"]:
            yield "I9: a recovered execution has the fence of the life that crashed"


def what_was_done_is_undone_once_in_reverse(evidence: Evidence) -> Iterator[str]:
    final, status = evidence.final, evidence.final["execution"]["status"]
    order = [step for step, _ in groupby(effect["step"] for effect in evidence.effects)]
    undos = [step.removeprefix("~undo/") for step in order if step.startswith("~undo/")]
    if undos and order[-len(undos) :] != [f"~undo/{step}" for step in undos]:
        yield f"I24: an action ran after an undo: {order}"
    positions = {row["call_key"]: row["position"] for row in final["checkpoints"]}
    told = evidence.story.undone
    if told is None:
        told = tuple(sorted(set(undos), key=positions.__getitem__, reverse=True))
    if undos != list(told):
        yield f"I23: undone in the order {undos}, not {list(told)}"
    # A map stands for its items.
    rows = [row for row in final["checkpoints"] if row["kind"] != "map"]
    undoable = [row for row in rows if row["compensation"]]
    left = [row["call_key"] for row in undoable if row["status"] == "completed"]
    if left and status != "completed":
        yield f"I23: {status}, and not undone: {left}"
    compensated = [row["call_key"] for row in undoable if row["status"] == "compensated"]
    if not set(compensated) <= set(undos):
        yield f"I23: recorded as undone: {compensated}; undos that ran: {undos}"
    if undos and status == "completed":
        yield f"I24: completed, and undone: {undos}"


def an_accepted_cancel_is_kept(evidence: Evidence) -> Iterator[str]:
    row = evidence.final["execution"]
    if row["cancel_requested_at"] and row["status"] == "completed":
        yield "I27: cancelled and completed"


def acts_and_their_events_commit_together(evidence: Evidence) -> Iterator[str]:
    for snapshot in evidence.snapshots:
        told = [row["type"] for row in snapshot["events"]]
        row = snapshot["execution"]
        if (row["cancel_requested_at"] is not None) != ("cancel_requested" in told):
            yield f"S24: cancel requested at {row['cancel_requested_at']}, events {told}"
        if row["epoch"] != told.count("retried"):
            yield f"S24: epoch {row['epoch']}, events {told}"
        if row["pause_requested_at"] and "pause_requested" not in told:
            yield f"S24: paused, events {told}"


INVARIANTS = (
    ends_like_an_uncrashed_run,
    no_action_runs_after_its_checkpoint_is_visible,
    no_action_runs_more_often_than_crashes_allow,
    an_effect_has_one_key,
    atomic_effects_happen_exactly_once,
    timers_stand,
    accepted_signals_are_consumed_once,
    nothing_is_stuck,
    a_call_has_one_child,
    no_child_outlives_its_family,
    what_has_ended_is_settled,
    status_and_fence_only_move_on,
    what_was_done_is_undone_once_in_reverse,
    an_accepted_cancel_is_kept,
    acts_and_their_events_commit_together,
)
