"""`durable_show`: one execution, and why it stands where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser

from durable_django import client
from durable_django.control.groups import read_group
from durable_django.control.items import ItemCount, count_items
from durable_django.control.payloads.redaction import redact
from durable_django.control.wording import say_mailbox
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.execution import Execution
from durable_django.domain.status import CheckpointKind
from durable_django.management.console import DurableCommand, to_text
from durable_django.management.describing import (
    Standing,
    describe_error,
    describe_wait,
    error_of,
    facts_of,
    show_arguments,
    show_payload,
    stand_of,
)
from durable_django.runtime import engine

MAX_SHOWN = 2000
MAX_CELL = 60
MAX_CHILDREN = 50


class Command(DurableCommand):
    """Prints everything a person needs to see of one execution."""

    help = "Show one execution: its facts, why it waits and what wakes it, its checkpoints."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", help="the execution's id")

    def act(self, options: dict[str, Any]) -> None:
        execution = client.get(options["id"]).execution
        standing = stand_of(execution, engine().store.now())
        if options["json"]:
            self._show_document(execution, standing)
            return
        self._show_facts(execution, standing)
        self._show_checkpoints(engine().store.list_calls(execution.id))
        self._show_children(execution.id)
        self._show_mailbox(execution.id)

    def _show_document(self, execution: Execution, standing: Standing) -> None:
        store = engine().store
        signals = store.list_signals(execution.id)
        calls = store.list_calls(execution.id)
        children = client.list_children(execution.id, limit=MAX_CHILDREN + 1)
        self.show_json(
            {
                "execution": facts_of(execution),
                "standing": {"why": standing.why, "wakes": standing.wakes},
                "input": asdict(show_payload(execution.input)),
                "output": asdict(show_payload(execution.output)),
                # The items of a map are told by their numbers.
                "checkpoints": [_to_json(one) for one in calls],
                "maps": {key: asdict(one) for key, one in count_items(execution.id, calls).items()},
                "children": [_child_to_json(one) for one in children[:MAX_CHILDREN]],
                "has_more_children": len(children) > MAX_CHILDREN,
                "timers": [asdict(timer) for timer in store.list_timers(execution.id)],
                "signals": [
                    asdict(signal) | {"payload": asdict(show_payload(signal.payload))}
                    for signal in signals
                ],
            }
        )

    def _show_facts(self, execution: Execution, standing: Standing) -> None:
        name = f"{execution.workflow_name} v{execution.workflow_version}"
        self.show(f"{name}  {execution.id}  {execution.status.upper()}")
        self.show()
        self.show(f"Why:    {standing.why}")
        self.show(f"Wakes:  {standing.wakes}")
        self.show()
        facts = {
            "key": execution.key,
            "queue": f"{execution.queue}, priority {execution.priority}, {execution.guarantee}",
            "tags": ", ".join(execution.tags) or None,
            "correlation": execution.correlation_id or None,
            "parent": f"{execution.parent_id}, called {execution.parent_key}"
            if execution.parent_id
            else None,
            "created": execution.created_at,
            "started": execution.started_at,
            "finished": execution.finished_at,
            "expires": execution.expires_at,
            "retried": execution.epoch or None,
            "progress": redact(dict(execution.progress)) or None,
            "input": _cut(show_payload(execution.input).to_text(), MAX_SHOWN),
            "result": _cut(show_payload(execution.output).to_text(), MAX_SHOWN)
            if execution.output
            else None,
            "error": describe_error(execution.error) or None,
        }
        for label, value in facts.items():
            if value is not None:
                self.show(f"{label + ':':<13}{to_text(value)}")

    def _show_checkpoints(self, checkpoints: list[Checkpoint]) -> None:
        if not checkpoints:
            return
        maps = count_items(checkpoints[0].execution_id, checkpoints)
        self.show()
        self.show_table(
            ("#", "checkpoint", "kind", "attempt", "status", "ended", "result or error"),
            [
                (
                    one.position,
                    one.key,
                    one.kind,
                    one.attempt,
                    one.status,
                    one.completed_at,
                    _cut(_say_outcome(one, maps), MAX_CELL),
                )
                for one in checkpoints
            ],
        )

    def _show_children(self, execution_id: UUID) -> None:
        children = client.list_children(execution_id, limit=MAX_CHILDREN + 1)
        if not children:
            return
        self.show()
        self.show_table(
            ("called", "child", "workflow", "status", "waits for"),
            [
                (
                    one.parent_key,
                    one.id,
                    f"{one.workflow_name} v{one.workflow_version}",
                    one.status,
                    describe_wait(one) or None,
                )
                for one in children[:MAX_CHILDREN]
            ],
        )
        if len(children) > MAX_CHILDREN:
            self.say(f"The first {MAX_CHILDREN}; `durable_list --parent {execution_id}` shows all.")

    def _show_mailbox(self, execution_id: UUID) -> None:
        timers = engine().store.list_timers(execution_id)
        signals = engine().store.list_signals(execution_id)
        if timers:
            self.show()
            self.show_table(
                ("timer", "fires at", "status"), [(t.key, t.fire_at, t.status) for t in timers]
            )
        if signals:
            self.show()
            self.show_table(
                ("#", "signal", "status", "arrived", "payload"),
                [
                    (
                        signal.position,
                        say_mailbox(signal.name),
                        signal.status,
                        signal.created_at,
                        _cut(show_payload(signal.payload).to_text(), MAX_CELL),
                    )
                    for signal in signals
                ],
            )


def _say_outcome(row: Checkpoint, maps: Mapping[str, ItemCount]) -> str:
    if row.kind is CheckpointKind.MAP and row.key in maps:
        return maps[row.key].say()
    record = read_group(row)
    if record is not None and not record.has_failed:
        return f"decided by {record.by}" if record.by else "all done"
    return describe_error(row.error) or show_payload(row.output).to_text()


def _child_to_json(child: Execution) -> dict[str, Any]:
    return {
        "id": child.id,
        "call": child.parent_key,
        "workflow": child.workflow_name,
        "status": child.status,
        "on_parent_close": child.on_parent_close,
    }


def _to_json(checkpoint: Checkpoint) -> dict[str, Any]:
    record = read_group(checkpoint)
    if checkpoint.kind is CheckpointKind.GROUP:
        # What it holds as its action is how its branches ended.
        checkpoint = replace(checkpoint, action="")
    return asdict(checkpoint) | {
        "group": None if record is None else asdict(record),
        "input": asdict(show_arguments(checkpoint.input, checkpoint.action)),
        "output": asdict(show_payload(checkpoint.output)),
        "error": error_of(checkpoint.error),
    }


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."
