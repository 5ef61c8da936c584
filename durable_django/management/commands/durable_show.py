"""`durable_show`: one execution, and why it stands where it stands."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser

from durable_django import client
from durable_django.control.payloads.redaction import redact
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.execution import Execution
from durable_django.management.console import DurableCommand, to_text
from durable_django.management.describing import (
    Standing,
    describe_error,
    error_of,
    facts_of,
    show_arguments,
    show_payload,
    stand_of,
)
from durable_django.runtime import engine

MAX_SHOWN = 2000
MAX_CELL = 60


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
        self._show_checkpoints(engine().store.list_checkpoints(execution.id))
        self._show_mailbox(execution.id)

    def _show_document(self, execution: Execution, standing: Standing) -> None:
        store = engine().store
        signals = store.list_signals(execution.id)
        self.show_json(
            {
                "execution": facts_of(execution),
                "standing": {"why": standing.why, "wakes": standing.wakes},
                "input": asdict(show_payload(execution.input)),
                "output": asdict(show_payload(execution.output)),
                "checkpoints": [_to_json(one) for one in store.list_checkpoints(execution.id)],
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
                    _cut(describe_error(one.error) or show_payload(one.output).to_text(), MAX_CELL),
                )
                for one in checkpoints
            ],
        )

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
                        signal.name,
                        signal.status,
                        signal.created_at,
                        _cut(show_payload(signal.payload).to_text(), MAX_CELL),
                    )
                    for signal in signals
                ],
            )


def _to_json(checkpoint: Checkpoint) -> dict[str, Any]:
    return asdict(checkpoint) | {
        "input": asdict(show_arguments(checkpoint.input, checkpoint.action)),
        "output": asdict(show_payload(checkpoint.output)),
        "error": error_of(checkpoint.error),
    }


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."
