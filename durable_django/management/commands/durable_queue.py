"""`durable_queue`: how queues are controlled, what is in them, and how to change that."""

from __future__ import annotations

import time
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError, CommandParser

from durable_django import queues
from durable_django.domain.event import MAX_REASON_LENGTH
from durable_django.domain.work_queue import UNCHANGED, QueueStanding, Rate
from durable_django.exceptions import DefinitionError
from durable_django.management.acts import shell_user
from durable_django.management.console import EXIT_TIMED_OUT, DurableCommand, count, usage_error

#: How often `--wait` looks, in seconds.
_LOOK_EVERY_S = 1.0
_NONE = "none"


class Command(DurableCommand):
    """Prints a queue as it is afterwards, or all queues."""

    help = (
        "List the queues; or show one queue, and limit, pause, drain or resume it. With --wait, "
        "come back only when nothing that has begun is left in it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", nargs="?", help="the queue; without it all are listed")
        parser.add_argument(
            "--limit", type=_number, default=UNCHANGED, help="run at most so many at once, or none"
        )
        parser.add_argument(
            "--rate", type=_rate, default=UNCHANGED, help="begin at most so many: 100/min, or none"
        )
        acts = parser.add_mutually_exclusive_group()
        for act in ("pause", "drain", "resume"):
            acts.add_argument(f"--{act}", dest="act", action="store_const", const=act)
        parser.add_argument(
            "--wait", action="store_true", help="wait until nothing that has begun is left"
        )
        parser.add_argument("--timeout", type=count, help="seconds to wait at most (exit code 5)")
        parser.add_argument(
            "--reason", default="", help=f"why, for others; up to {MAX_REASON_LENGTH} characters"
        )

    def act(self, options: dict[str, Any]) -> None:
        name = options["name"]
        if name is None:
            self._list(options)
            return
        told = {"reason": options["reason"], "by": shell_user()}
        limits = {"max_running": options["limit"], "rate": options["rate"]}
        if any(limit is not UNCHANGED for limit in limits.values()):
            queues.configure(name, **limits, **told)
        if options["act"] is not None:
            _ACTS[options["act"]](name, **told)
        if options["wait"]:
            self._wait(name, options["timeout"])
        self._show(queues.get(name), options)

    def _list(self, options: dict[str, Any]) -> None:
        if options["act"] or options["wait"] or {options["limit"], options["rate"]} != {UNCHANGED}:
            raise usage_error("Which queue? Give its name: durable_queue NAME --pause.")
        found = queues.list_queues()
        if options["json"]:
            self.show_json({"queues": [_facts_of(queue) for queue in found]})
            return
        head = ("queue", "mode", "limit", "rate", "due", "running", "waiting", "reason", "by")
        self.show_table(head, [_cells_of(queue) for queue in found])

    def _show(self, queue: QueueStanding, options: dict[str, Any]) -> None:
        if options["json"]:
            self.show_json(_facts_of(queue))
            return
        control = queue.control
        limit = f"at most {control.max_running} at once" if control.max_running else "no limit"
        rate = f"at most {control.rate} begin" if control.rate else "no rate"
        self.show(f"{queue.name}: {control.mode}, {limit}, {rate}")
        self.show(f"  {_say_figures(queue)}")
        if control.changed_at is not None:
            why = f": {control.reason}" if control.reason else ""
            self.show(
                f"  changed {control.changed_at:%Y-%m-%d %H:%M:%S} UTC by {control.changed_by}{why}"
            )

    def _wait(self, name: str, timeout: int | None) -> None:
        begun, said = time.monotonic(), ""
        while not (queue := queues.get(name)).is_drained:
            if (figures := _say_figures(queue)) != said:
                said = figures
                self.say(f"Left: {queue.figures.begun} that have begun ({figures}).")
            if timeout is not None and time.monotonic() - begun >= timeout:
                raise CommandError(
                    f"Queue {name!r} is not drained after {timeout} s: {queue.figures.begun} that "
                    f"have begun are left.",
                    returncode=EXIT_TIMED_OUT,
                )
            time.sleep(_LOOK_EVERY_S)
        self.say("Nothing that has begun is left.")


_ACTS: dict[str, Callable[..., object]] = {
    "pause": queues.pause,
    "drain": queues.drain,
    "resume": queues.resume,
}


def _facts_of(queue: QueueStanding) -> dict[str, Any]:
    control, figures = queue.control, queue.figures
    return {
        "name": queue.name,
        "mode": control.mode,
        "max_running": control.max_running,
        "rate": None if control.rate is None else str(control.rate),
        "due": figures.due,
        "running": figures.running,
        "waiting": figures.waiting,
        "begun": figures.begun,
        "is_drained": queue.is_drained,
        "reason": control.reason,
        "changed_by": control.changed_by,
        "changed_at": control.changed_at,
    }


def _cells_of(queue: QueueStanding) -> tuple[object, ...]:
    control, figures = queue.control, queue.figures
    counts = (figures.due, figures.running, figures.waiting)
    told = (control.reason or None, control.changed_by or None)
    return (queue.name, control.mode, control.max_running, control.rate, *counts, *told)


def _say_figures(queue: QueueStanding) -> str:
    figures = queue.figures
    return f"{figures.due} due, {figures.running} running, {figures.waiting} waiting"


def _number(text: str) -> int | None:
    return None if text == _NONE else count(text)


def _rate(text: str) -> Rate | None:
    try:
        return None if text == _NONE else Rate.parse(text)
    except DefinitionError as error:
        raise ArgumentTypeError(str(error)) from error
