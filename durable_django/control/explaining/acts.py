"""Say what each act that an execution's state allows would do to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from durable_django.control.actions import Action, is_possible
from durable_django.control.calls import is_held
from durable_django.control.explaining.stops import find_failed_call, list_to_undo, say_list
from durable_django.control.explaining.values import Case, Offer
from durable_django.control.waiting import CurrentWait
from durable_django.domain.status import CheckpointStatus, ParentClosePolicy, WaitKind


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
    ahead = [wait for wait in case.waits if wait.until is not None and wait.until > case.now]
    # An item has a timer of its own, and a task's is an act on the task.
    others = (WaitKind.MAP, WaitKind.TASK)
    return " ".join(_say_firing(case, wait) for wait in ahead if wait.kind not in others)


def _say_firing(case: Case, wait: CurrentWait) -> str:
    said = {"name": wait.key, "at": case.say(wait.until) if wait.until else ""}
    return str(_FIRED.get(wait.kind, _TIMED_OUT)) % said


def _describe_cancel(case: Case) -> str:
    undone = list_to_undo(case)
    effect = _say_cancel(undone)
    if any(_ends_with_parent(case, wait) for wait in case.waits):
        effect += " " + _("Its children that have not ended are cancelled with it.")
    return _at_next_call(case, effect)


def _ends_with_parent(case: Case, wait: CurrentWait) -> bool:
    child = case.children.get(wait.child_id) if wait.child_id is not None else None
    is_closed = child is not None and child.on_parent_close is ParentClosePolicy.CANCEL
    count = case.maps.get(wait.name) if wait.kind is WaitKind.MAP else None
    return is_closed or (count is not None and count.are_children)


def _say_cancel(undone: list[str]) -> str:
    if undone:
        text = _("It undoes %(calls)s, in this order, and ends as cancelled.")
        return text % {"calls": say_list(undone)}
    return _("It ends as cancelled; there is nothing to undo.")


def _describe_termination(case: Case) -> str:
    undone = list_to_undo(case)[::-1]
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
        left = list_to_undo(case)
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


_FIRED = {
    WaitKind.TIMER: _lazy("The sleep %(name)s is over now instead of %(at)s."),
    WaitKind.RETRY: _lazy("The next attempt of %(name)s begins now instead of %(at)s."),
    WaitKind.POLL: _lazy("The check %(name)s is made now instead of %(at)s."),
    WaitKind.CHILD: _lazy(
        "The wait for child %(name)s times out now instead of %(at)s, and the child is cancelled."
    ),
}
_TIMED_OUT = _lazy("The wait for %(name)s times out now instead of %(at)s.")
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
