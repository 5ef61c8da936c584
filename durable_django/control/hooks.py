"""Signed links that send one signal, once, for whoever holds them: a customer, another system.

A link's token is signed and stored as a hash only: who reads the database cannot use it, and who
lost it needs a new one. Nothing here logs a token. A step's result is stored, so a workflow makes
a link and sends it in the same step, and never returns it:

    def ask_for_approval(execution_id, address):
        hook = mint_hook(execution_id, "approved", expires_in=timedelta(days=3))
        send_mail(address, "https://shop.example" + hook_url(hook.token))

A step that is attempted again makes another link, and the earlier one stays good until it is
revoked or expires. The clock is the store's.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from durable_django import client
from durable_django.conf import settings
from durable_django.control.hook_tokens import digest_token, read_token, sign_token
from durable_django.control.locking import lock_execution
from durable_django.domain.event import (
    CODE,
    MAX_REASON_LENGTH,
    Actor,
    ActorKind,
    EventType,
    NewEvent,
)
from durable_django.domain.identifiers import check_name, new_id
from durable_django.domain.signal import Signal
from durable_django.exceptions import (
    ConfigurationError,
    DurableError,
    ExecutionNotFoundError,
    InvalidTransitionError,
)
from durable_django.models import SignalHook
from durable_django.runtime import engine

#: The longest a link may be good for.
LONGEST_LIFE = timedelta(days=366)
#: The route of `durable_django.api` that takes a token.
HOOK_ROUTE = "durable-api:hook"

_KEY_DIGITS = 32
_TAKES_SIGNALS = ("pending", "running", "suspended", "paused", "parked")


class HookNotFoundError(DurableError):
    """No link has this token: it was never made here, or it was altered or deleted."""

    def __init__(self) -> None:
        super().__init__("There is no such link.")


class HookGoneError(DurableError):
    """The link was real, and cannot be used any more; nothing was sent now."""

    def __init__(self, hook_id: UUID, why: str) -> None:
        self.hook_id = hook_id
        #: "used", "revoked", "expired", or "finished": the execution takes no more signals.
        self.why = why
        super().__init__(f"Link {hook_id} cannot be used any more: {_WHY_GONE[why]}.")


_WHY_GONE = {
    "used": "it was used",
    "revoked": "it was revoked",
    "expired": "it has expired",
    "finished": "its execution takes no signals now",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A link that was just made: the only time that its token is known."""

    id: UUID
    token: str
    expires_at: datetime

    def __repr__(self) -> str:
        """Return it without the token, which a log or a traceback must not hold."""
        return f"Hook(id={self.id}, expires_at={self.expires_at.isoformat()})"


def mint_hook(
    execution_id: client.ExecutionId,
    signal_name: str,
    *,
    expires_in: timedelta,
    by: Actor = CODE,
) -> Hook:
    """Make a link that sends this execution one signal of this name.

    Written in the caller's transaction, if there is one, together with an event that tells who
    made it; made by nobody in particular, there is no event.

    Args:
        execution_id: Which execution the signal goes to.
        signal_name: What the workflow waits for with `ctx.wait_signal`.
        expires_in: How long the link is good for: more than none, at most `LONGEST_LIFE`.
        by: Who wants it.

    Raises:
        ExecutionNotFoundError: No such execution.
        InvalidTransitionError: It has ended, or is undoing its steps.
        DefinitionError: The name is not legal.
        ValueError: `expires_in` is out of its range.
    """
    check_name("signal", signal_name)
    if not timedelta(0) < expires_in <= LONGEST_LIFE:
        raise ValueError(
            f"expires_in must be more than 0 and at most {LONGEST_LIFE.days} days, not {expires_in}."
        )
    store = engine().store
    now = store.now()
    hook_id, expires_at = new_id(), now + expires_in
    token = sign_token(hook_id, expires_at)
    row = SignalHook(
        id=hook_id,
        execution_id=client.to_id(execution_id),
        signal_name=signal_name,
        token_digest=digest_token(token),
        created_at=now,
        expires_at=expires_at,
    )
    store.transact(partial(_insert, row, by))
    return Hook(id=hook_id, token=token, expires_at=expires_at)


def hook_url(token: str, request: HttpRequest | None = None) -> str:
    """Return the address of a link: with the host only if there is a request to take it from.

    Raises:
        ConfigurationError: The project does not mount `durable_django.api.urls`.
    """
    try:
        path = reverse(HOOK_ROUTE, kwargs={"token": token})
    except NoReverseMatch:
        raise ConfigurationError(
            "Links need the REST API: add path('api/durable/', "
            "include('durable_django.api.urls')) to the project's urls."
        ) from None
    return path if request is None else request.build_absolute_uri(path)


def find_hook(token: str) -> SignalHook:
    """Return the link of a token that could be used now; using it is for `use_hook`.

    Raises:
        HookNotFoundError: The token is forged, altered or unknown.
        HookGoneError: It was used or revoked, has expired, or its execution takes no signals.
    """
    hook = _load(token)
    why = _why_gone(hook)
    if why:
        raise HookGoneError(hook.pk, why)
    return hook


def use_hook(token: str, payload: Any = None) -> Signal:
    """Send the link's signal and use the link up, or do neither.

    Of any number of uses at once, one succeeds. If the execution takes no signals now (it has
    ended, or is undoing), the link stays unused: a retried execution can still be answered.

    Raises:
        HookNotFoundError: The token is forged, altered or unknown.
        HookGoneError: It was used or revoked, has expired, or its execution takes no signals.
        PayloadError: The payload is not JSON-storable; the link stays unused.
    """
    hook = find_hook(token)
    try:
        signal = engine().store.transact(partial(_use, hook, payload))
    except (InvalidTransitionError, ExecutionNotFoundError):
        raise HookGoneError(hook.pk, "finished") from None
    if signal is None:
        raise HookGoneError(hook.pk, _why_gone(_load(token)) or "used")
    return signal


def list_hooks(execution_id: UUID) -> QuerySet[SignalHook]:
    """Return the links of an execution, newest first, whatever became of them."""
    return _hooks().filter(execution_id=execution_id).order_by("-id")


def load_hook(hook_id: UUID) -> SignalHook:
    """Return a link as it stands.

    Raises:
        HookNotFoundError: No link has this id.
    """
    hook = _hooks().filter(pk=hook_id).first()
    if hook is None:
        raise HookNotFoundError
    return hook


def state_of(hook: SignalHook, now: datetime) -> str:
    """Return "open", or why the link as it was read is gone: used, revoked or expired."""
    if hook.used_at is not None:
        return "used"
    if hook.revoked_at is not None:
        return "revoked"
    return "expired" if hook.expires_at <= now else "open"


def revoke_hook(hook_id: UUID, *, by: Actor = CODE, reason: str = "") -> bool:
    """Have a link never be used from now on; return whether it could have been.

    Raises:
        HookNotFoundError: No link has this id.
    """
    hook = load_hook(hook_id)
    return engine().store.transact(partial(_revoke, hook, by, reason))


# --- rows ---


def _load(token: str) -> SignalHook:
    """Return the row of a token that is ours, with its execution."""
    hook_id = read_token(token)
    hook = hook_id and _hooks().select_related("execution").filter(pk=hook_id).first()
    if not hook or not hmac.compare_digest(hook.token_digest, digest_token(token)):
        raise HookNotFoundError
    return hook


def _hooks() -> QuerySet[SignalHook]:
    return SignalHook.objects.using(settings().database)


def _insert(row: SignalHook, by: Actor) -> None:
    if by != CODE:
        lock_execution(row.execution_id)
    execution = engine().store.load_execution(row.execution_id)
    if execution.status not in _TAKES_SIGNALS:
        raise InvalidTransitionError(execution.id, execution.status, "signalled", _TAKES_SIGNALS)
    row.save(using=settings().database, force_insert=True)
    # By nobody in particular it is a step's, whose transaction should not hold the lock that an
    # event needs; the row itself tells of it.
    if by != CODE:
        _tell(row, EventType.HOOK_MINTED, by, expires_at=row.expires_at.isoformat())


def _use(hook: SignalHook, payload: Any) -> Signal | None:
    lock_execution(hook.execution_id)
    if not _mark(hook, "used_at"):
        return None
    return client.signal(
        hook.execution_id,
        hook.signal_name,
        payload,
        # Whatever happens to the row, one link is one signal. The digest is told to nobody before:
        # who may signal could else send one with the link's key, and its answer would be lost.
        dedupe_key=f"hook:{hook.pk}:{hook.token_digest[:_KEY_DIGITS]}",
        by=Actor(kind=ActorKind.HOOK, id=str(hook.pk)),
    )


def _revoke(hook: SignalHook, by: Actor, reason: str) -> bool:
    lock_execution(hook.execution_id)
    is_first = _mark(hook, "revoked_at")
    if is_first:
        _tell(hook, EventType.HOOK_REVOKED, by, reason=reason)
    return is_first


def _mark(hook: SignalHook, column: str) -> bool:
    """Use the link up, by a look and a write in one statement: one of many has it."""
    now = engine().store.now()
    usable = _hooks().filter(
        pk=hook.pk, used_at__isnull=True, revoked_at__isnull=True, expires_at__gt=now
    )
    return usable.update(**{column: now}) == 1


def _tell(hook: SignalHook, what: EventType, by: Actor, reason: str = "", **more: str) -> None:
    event = NewEvent(
        execution_id=hook.execution_id,
        type=what,
        actor=by,
        reason=reason[:MAX_REASON_LENGTH],
        details={"hook": str(hook.pk), "signal": hook.signal_name, **more},
    )
    engine().store.add_event(event)


def _why_gone(hook: SignalHook) -> str:
    state = state_of(hook, engine().store.now())
    if state != "open":
        return state
    return "" if hook.execution.status in _TAKES_SIGNALS else "finished"
