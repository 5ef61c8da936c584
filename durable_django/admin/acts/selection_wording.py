"""How acts on many executions are spoken of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy

from durable_django.control.actions import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How an act on many is spoken of."""

    title: Any
    button: Any
    will_happen: Any
    done: str
    is_dangerous: bool = False


WORDINGS: Mapping[Action, Wording] = {
    Action.CANCEL: Wording(
        title=gettext_lazy("Cancel executions"),
        button=gettext_lazy("Cancel them"),
        will_happen=gettext_lazy(
            "Each is stopped before its next durable call, its completed steps are undone, newest "
            "first, and it ends cancelled. This cannot be taken back."
        ),
        done="Cancelled, with undo.",
        is_dangerous=True,
    ),
    Action.TERMINATE: Wording(
        title=gettext_lazy("Cancel executions without undoing"),
        button=gettext_lazy("Cancel them without undoing"),
        will_happen=gettext_lazy(
            "Each is stopped before its next durable call and ends cancelled. What its steps did "
            "stays as it is. This cannot be taken back."
        ),
        done="Cancelled, no undo.",
        is_dangerous=True,
    ),
    Action.PAUSE: Wording(
        title=gettext_lazy("Pause executions"),
        button=gettext_lazy("Pause them"),
        will_happen=gettext_lazy(
            "Each stops before its next durable call and stays paused until somebody resumes or "
            "cancels it. Timers go on."
        ),
        done="Paused.",
    ),
    Action.RESUME: Wording(
        title=gettext_lazy("Resume executions"),
        button=gettext_lazy("Resume them"),
        will_happen=gettext_lazy("Each goes on where it stopped, as soon as a worker is free."),
        done="Resumed.",
    ),
    Action.RETRY: Wording(
        title=gettext_lazy("Retry executions"),
        button=gettext_lazy("Retry them"),
        will_happen=gettext_lazy(
            "Each runs again from the step that failed; steps that completed and were not undone "
            "are kept."
        ),
        done="Retried.",
    ),
    Action.SIGNAL: Wording(
        title=gettext_lazy("Send a signal to executions"),
        button=gettext_lazy("Send it to them"),
        will_happen=gettext_lazy(
            "Each gets the signal in its mailbox. One that waits for the name goes on at once."
        ),
        done="Sent a signal.",
    ),
}
