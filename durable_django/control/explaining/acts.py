"""Say what each act that an execution's state allows would do to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.utils.translation import gettext as _

from durable_django.control.actions import Action, is_possible
from durable_django.control.calls import is_held
from durable_django.control.explaining.stops import find_failed_call, say_list
from durable_django.control.explaining.values import Case, Offer
from durable_django.domain.status import CheckpointStatus, WaitKind


def describe_acts(case: Case) -> Iterator[Offer]:
    """Yield the acts that are possible, in the order of `Action`, and what each would do.

    Permissions are the caller's: they depend on who looks.
    """
    for action, describe in _EFFECTS.items():
        if is_possible(action, case.execution):
            effect = describe(case)
            if effect:
                yield Offer(action=str(action), effect=effect)


def _describe_signal(case: Case) -> str:
    execution = case.execution
    if execution.waiting_kind is WaitKind.SIGNAL:
        text = _("Signal %(name)s lets it go on; one of another name waits in its inbox.")
        return text % {"name": execution.waiting_for}
    return _("The signal waits in its inbox until the workflow asks for one of its name.")


def _describe_firing(case: Case) -> str:
    """Return what firing does; nothing if there is no timer that is still to come."""
    wait = case.wait
    if wait is None or wait.until is None or wait.until <= case.now:
        return ""
    said = {"name": wait.key, "at": case.say(wait.until)}
    if wait.kind is WaitKind.SIGNAL:
        return _("The wait for %(name)s times out now instead of %(at)s.") % said
    if wait.kind is WaitKind.RETRY:
        return _("The next attempt of %(name)s begins now instead of %(at)s.") % said
    return _("The sleep %(name)s is over now instead of %(at)s.") % said


def _describe_cancel(case: Case) -> str:
    undone = [call.key for call in reversed(case.calls) if call.is_to_undo]
    if undone:
        text = _("It undoes %(calls)s, in this order, and ends as cancelled.")
        effect = text % {"calls": say_list(undone)}
    else:
        effect = _("It ends as cancelled; there is nothing to undo.")
    return _at_next_call(case, effect)


def _describe_termination(case: Case) -> str:
    undone = [call.key for call in case.calls if call.is_to_undo]
    if undone:
        text = _("It ends as cancelled and undoes nothing: %(calls)s stay done.")
        effect = text % {"calls": say_list(undone)}
    else:
        effect = _("It ends as cancelled and undoes nothing.")
    return _at_next_call(case, effect)


def _at_next_call(case: Case, effect: str) -> str:
    if not is_held(case.execution):
        return effect
    return f"{effect} {_('What runs now is finished first.')}"


def _describe_pause(case: Case) -> str:
    if is_held(case.execution):
        return _("It stops before its next call, until it is resumed. What runs now is finished.")
    return _("It stops until it is resumed. Timers fall due meanwhile, and signals are kept.")


def _describe_resume(case: Case) -> str:
    if is_held(case.execution):
        return _("The pause is withdrawn before it has taken effect.")
    return _("It goes on where it stopped. What fell due meanwhile is due at once.")


def _describe_retry(case: Case) -> str:
    # One that has ended has nothing left to undo: it runs again.
    is_undoing = case.execution.ending is not None and not case.execution.is_terminal
    if is_undoing:
        left = [call.key for call in reversed(case.calls) if call.is_to_undo]
        text = _("It goes on undoing. Left: %(calls)s.")
        return text % {"calls": say_list(left) or _("nothing")}
    failed = find_failed_call(case)
    undone = [c.key for c in case.calls if c.last.status is CheckpointStatus.COMPENSATED]
    kept = [c.key for c in case.calls if c is not failed and c.last.status in _SETTLED]
    if failed is not None:
        said = [_("Retry runs %(call)s again.") % {"call": failed.key}]
    else:
        said = [_("Retry runs the workflow again, with the recorded results.")]
    if undone:
        said.append(_("What was undone is done again: %(c)s.") % {"c": say_list(undone)})
    if len(kept) == 1:
        said.append(_("%(call)s stays as it is.") % {"call": kept[0]})
    elif kept:
        said.append(_("As they are stay %(calls)s.") % {"calls": say_list(kept)})
    return " ".join(said)


def _describe_fork(_case: Case) -> str:
    return _(
        "A new execution begins with the results recorded before a step that you choose, or from "
        "the start. This one stays as it is."
    )


_SETTLED = (CheckpointStatus.COMPLETED, CheckpointStatus.FAILED)
_EFFECTS: dict[Action, Callable[[Case], str]] = {
    Action.SIGNAL: _describe_signal,
    Action.FIRE_TIMER: _describe_firing,
    Action.CANCEL: _describe_cancel,
    Action.TERMINATE: _describe_termination,
    Action.PAUSE: _describe_pause,
    Action.RESUME: _describe_resume,
    Action.RETRY: _describe_retry,
    Action.FORK: _describe_fork,
}
