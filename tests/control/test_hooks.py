from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.test import override_settings

from durable_django import client, runtime
from durable_django.control.hook_tokens import sign_token
from durable_django.control.hooks import (
    LONGEST_LIFE,
    HookGoneError,
    HookNotFoundError,
    find_hook,
    hook_url,
    list_hooks,
    mint_hook,
    revoke_hook,
    state_of,
    use_hook,
)
from durable_django.domain.event import Actor, ActorKind
from durable_django.domain.signal import Signal
from durable_django.engine.durable_engine import DurableEngine, EngineOptions
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.engine.registry import default_registry
from durable_django.engine.workflow_function import WorkflowFunction, workflow
from durable_django.exceptions import (
    ConfigurationError,
    DefinitionError,
    ExecutionNotFoundError,
    InvalidTransitionError,
    PayloadError,
    Terminal,
)
from durable_django.models import SignalHook
from durable_django.testing.driver import DurableDriver
from tests.api.doors import durable_settings
from tests.stores.orm.threads import at_once

HOUR = timedelta(hours=1)
ROUNDS = 8
ALICE = Actor(kind=ActorKind.USER, id="7", name="alice")


@pytest.fixture
def approval() -> Iterator[WorkflowFunction[Any, Any]]:
    @workflow(name="hooks.approval")
    def approval(ctx: Any) -> Any:
        return ctx.wait_signal("approved")

    yield approval
    default_registry.forget("hooks.approval")


@pytest.fixture
def shaky() -> Iterator[WorkflowFunction[Any, Any]]:
    """Fails after a nap the first time, and waits the second time."""
    attempts: list[int] = []

    def check() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise Terminal("not yet")

    @workflow(name="hooks.shaky")
    def shaky(ctx: Any) -> Any:
        ctx.sleep("nap", timedelta(minutes=1))
        ctx.step("check", check)
        return ctx.wait_signal("approved")

    yield shaky
    default_registry.forget("hooks.shaky")


@pytest.fixture
def asking() -> Iterator[tuple[WorkflowFunction[Any, Any], list[str]]]:
    """Makes a link in a step, and keeps it where the test finds it."""
    links: list[str] = []

    def ask(execution_id: UUID) -> None:
        links.append(mint_hook(execution_id, "approved", expires_in=HOUR).token)

    @workflow(name="hooks.asking")
    def asking(ctx: Any) -> Any:
        ctx.step("ask", ask, ctx.execution_id)
        return ctx.wait_signal("approved")

    yield asking, links
    default_registry.forget("hooks.asking")


@pytest.fixture
def execution(durable: DurableDriver, approval: WorkflowFunction[Any, Any]) -> ExecutionHandle[Any]:
    return durable.start(approval)


def sent(execution: ExecutionHandle[Any]) -> list[tuple[str, str]]:
    signals = runtime.engine().store.list_signals(execution.id)
    return [(signal.name, signal.payload) for signal in signals]


def told(execution: ExecutionHandle[Any]) -> list[tuple[str, str, str]]:
    events = runtime.engine().store.list_events(execution.id, after=0, limit=100)
    return [(str(one.type), str(one.actor.kind), one.actor.id) for one in events]


def flip(text: str, place: int) -> str:
    other = "A" if text[place] != "A" else "B"
    return text[:place] + other + text[place + 1 :]


class TestMinting:
    def test_a_link_is_stored_as_a_hash_only(self, execution: ExecutionHandle[Any]) -> None:
        hook = mint_hook(execution.id, "approved", expires_in=HOUR)

        [row] = SignalHook.objects.values()
        assert row["signal_name"] == "approved"
        assert hook.token not in repr(row)
        assert not any(part in repr(row) for part in hook.token.split(".")[1:2])

    def test_its_repr_does_not_hold_the_token(self, execution: ExecutionHandle[Any]) -> None:
        hook = mint_hook(execution.id, "approved", expires_in=HOUR)

        assert hook.token not in repr(hook)

    def test_it_expires_by_the_clock_of_the_store(
        self, durable: DurableDriver, execution: ExecutionHandle[Any]
    ) -> None:
        hook = mint_hook(execution.id, "approved", expires_in=HOUR)

        assert hook.expires_at == durable.clock.now() + HOUR

    def test_who_made_it_is_noted(self, execution: ExecutionHandle[Any]) -> None:
        mint_hook(execution.id, "approved", expires_in=HOUR, by=ALICE)

        assert told(execution) == [("hook_minted", "user", "7")]

    def test_code_makes_it_without_an_event(self, execution: ExecutionHandle[Any]) -> None:
        mint_hook(execution.id, "approved", expires_in=HOUR)

        assert told(execution) == []

    def test_a_step_can_make_one(
        self, durable: DurableDriver, asking: tuple[WorkflowFunction[Any, Any], list[str]]
    ) -> None:
        workflow, links = asking
        execution = durable.start(workflow)

        use_hook(links[0], "yes")
        durable.drain()

        assert durable.result(execution.refresh()) == "yes"

    def test_it_vanishes_with_the_callers_transaction(
        self, execution: ExecutionHandle[Any]
    ) -> None:
        with transaction.atomic():
            hook = mint_hook(execution.id, "approved", expires_in=HOUR, by=ALICE)
            transaction.set_rollback(True)

        with pytest.raises(HookNotFoundError):
            find_hook(hook.token)
        assert told(execution) == []

    def test_an_unknown_execution_is_refused(self, durable: DurableDriver) -> None:
        with pytest.raises(ExecutionNotFoundError):
            mint_hook(uuid4(), "approved", expires_in=HOUR)

    def test_an_ended_execution_is_refused(
        self, durable: DurableDriver, execution: ExecutionHandle[Any]
    ) -> None:
        durable.cancel(execution)

        with pytest.raises(InvalidTransitionError, match="CANCELLED and cannot be signalled"):
            mint_hook(execution.id, "approved", expires_in=HOUR)

    def test_an_illegal_name_is_refused(self, execution: ExecutionHandle[Any]) -> None:
        with pytest.raises(DefinitionError, match="not a legal signal name"):
            mint_hook(execution.id, "~undo", expires_in=HOUR)

    @pytest.mark.parametrize(
        "expires_in",
        [
            pytest.param(timedelta(0), id="none"),
            pytest.param(-HOUR, id="the past"),
            pytest.param(LONGEST_LIFE + HOUR, id="more than a year"),
        ],
    )
    def test_a_life_out_of_range_is_refused(
        self, execution: ExecutionHandle[Any], expires_in: timedelta
    ) -> None:
        with pytest.raises(ValueError, match="at most 366 days"):
            mint_hook(execution.id, "approved", expires_in=expires_in)


class TestUsing:
    def test_a_use_sends_the_signal(
        self, durable: DurableDriver, execution: ExecutionHandle[Any]
    ) -> None:
        hook = mint_hook(execution.id, "approved", expires_in=HOUR)

        signal = use_hook(hook.token, {"by": "Eva"})
        durable.drain()

        assert (signal.execution_id, signal.name) == (execution.id, "approved")
        assert durable.result(execution.refresh()) == {"by": "Eva"}

    def test_the_link_is_noted_as_the_sender(self, execution: ExecutionHandle[Any]) -> None:
        hook = mint_hook(execution.id, "approved", expires_in=HOUR)

        use_hook(hook.token)

        assert told(execution) == [("signalled", "hook", str(hook.id))]

    def test_a_second_use_is_refused_and_sends_nothing(
        self, execution: ExecutionHandle[Any]
    ) -> None:
        hook = mint_hook(execution.id, "approved", expires_in=HOUR)
        use_hook(hook.token, 1)

        with pytest.raises(HookGoneError) as refused:
            use_hook(hook.token, 2)

        assert refused.value.why == "used"
        assert sent(execution) == [("approved", "1")]

    def test_an_expired_link_is_refused(
        self, durable: DurableDriver, execution: ExecutionHandle[Any]
    ) -> None:
        hook = mint_hook(execution.id, "approved", expires_in=HOUR)
        durable.advance(HOUR)

        with pytest.raises(HookGoneError) as refused:
            use_hook(hook.token)

        assert refused.value.why == "expired"
        assert sent(execution) == []

    def test_a_cancelled_execution_leaves_it_unused(
        self, durable: DurableDriver, execution: ExecutionHandle[Any]
    ) -> None:
        hook = mint_hook(execution.id, "approved", expires_in=HOUR)
        durable.cancel(execution)

        with pytest.raises(HookGoneError) as refused:
            use_hook(hook.token)

        assert refused.value.why == "finished"
        assert SignalHook.objects.get().used_at is None

    def test_an_end_between_the_look_and_the_use_undoes_the_use(
        self,
        durable: DurableDriver,
        execution: ExecutionHandle[Any],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        hook = mint_hook(execution.id, "approved", expires_in=HOUR)
        really = durable.store.transact

        def transact_late(work: Any) -> Any:
            monkeypatch.setattr(durable.store, "transact", really)
            durable.cancel(execution)
            return really(work)

        monkeypatch.setattr(durable.store, "transact", transact_late)
        with pytest.raises(HookGoneError) as refused:
            use_hook(hook.token)

        assert refused.value.why == "finished"
        assert SignalHook.objects.get().used_at is None
        assert sent(execution) == []

    def test_a_retried_execution_can_still_be_answered(
        self, durable: DurableDriver, shaky: WorkflowFunction[Any, Any]
    ) -> None:
        execution = durable.start(shaky)
        hook = mint_hook(execution.id, "approved", expires_in=HOUR)
        durable.advance(minutes=1)
        with pytest.raises(HookGoneError):
            use_hook(hook.token, "yes")

        durable.retry(execution)
        use_hook(hook.token, "yes")
        durable.drain()

        assert durable.result(execution.refresh()) == "yes"

    def test_a_payload_that_cannot_be_stored_leaves_it_unused(
        self, execution: ExecutionHandle[Any]
    ) -> None:
        hook = mint_hook(execution.id, "approved", expires_in=HOUR)

        with pytest.raises(PayloadError):
            use_hook(hook.token, float("nan"))

        assert find_hook(hook.token).used_at is None
        assert sent(execution) == []

    def test_a_rolled_back_use_leaves_it_unused(self, execution: ExecutionHandle[Any]) -> None:
        hook = mint_hook(execution.id, "approved", expires_in=HOUR)

        with transaction.atomic():
            use_hook(hook.token)
            transaction.set_rollback(True)

        assert find_hook(hook.token).used_at is None
        assert sent(execution) == []

    def test_a_refused_use_does_not_spoil_the_callers_transaction(
        self, durable: DurableDriver, execution: ExecutionHandle[Any]
    ) -> None:
        hook = mint_hook(execution.id, "approved", expires_in=HOUR)
        use_hook(hook.token)

        with transaction.atomic():
            with pytest.raises(HookGoneError):
                use_hook(hook.token)
            other = mint_hook(execution.id, "approved", expires_in=HOUR)

        assert find_hook(other.token).pk == other.id

    def test_looking_never_uses(self, execution: ExecutionHandle[Any]) -> None:
        hook = mint_hook(execution.id, "approved", expires_in=HOUR)

        for _ in range(3):
            find_hook(hook.token)

        assert SignalHook.objects.get().used_at is None
        assert sent(execution) == []


class TestTokens:
    @pytest.mark.parametrize("place", [0, 31, 33, 54, 56, 65, 67, 80, -1])
    def test_one_flipped_character_makes_it_unknown(
        self, execution: ExecutionHandle[Any], place: int
    ) -> None:
        token = mint_hook(execution.id, "approved", expires_in=HOUR).token

        with pytest.raises(HookNotFoundError):
            use_hook(flip(token, place))

        assert sent(execution) == []

    @pytest.mark.parametrize(
        "token",
        [
            pytest.param("", id="empty"),
            pytest.param("x", id="short"),
            pytest.param("a" * 1_000_000, id="a megabyte"),
            pytest.param("a.b.c.d", id="four parts"),
            pytest.param("\x00" * 32, id="NUL"),
            pytest.param("\ud800", id="surrogate"),
            pytest.param(f"{'٣' * 32}.{'a' * 22}.1.{'a' * 43}", id="foreign digits"),
            pytest.param(f"{'0' * 32}.{'a' * 22}.1.{'a' * 43}", id="forged"),
            pytest.param(f"{'0' * 32}.{'a' * 22}.1.{'a' * 43}\n", id="a line more"),
        ],
    )
    def test_any_other_text_is_unknown(self, durable: DurableDriver, token: str) -> None:
        with pytest.raises(HookNotFoundError):
            use_hook(token)

    def test_a_signed_token_of_no_link_is_unknown(self, durable: DurableDriver) -> None:
        token = sign_token(uuid4(), durable.clock.now())

        with pytest.raises(HookNotFoundError):
            use_hook(token)

    def test_another_signed_token_for_the_same_link_is_unknown(
        self, execution: ExecutionHandle[Any]
    ) -> None:
        hook = mint_hook(execution.id, "approved", expires_in=HOUR)

        with pytest.raises(HookNotFoundError):
            use_hook(sign_token(hook.id, hook.expires_at))

    def test_a_former_key_still_verifies(self, execution: ExecutionHandle[Any]) -> None:
        with durable_settings(HOOK_KEYS=["old"]):
            hook = mint_hook(execution.id, "approved", expires_in=HOUR)

        with durable_settings(HOOK_KEYS=["new", "old"]):
            assert find_hook(hook.token).pk == hook.id
        with durable_settings(HOOK_KEYS=["new"]), pytest.raises(HookNotFoundError):
            find_hook(hook.token)

    def test_with_own_keys_the_secret_key_does_not_matter(
        self, execution: ExecutionHandle[Any]
    ) -> None:
        with durable_settings(HOOK_KEYS=["own"]), override_settings(SECRET_KEY="one"):
            hook = mint_hook(execution.id, "approved", expires_in=HOUR)

        with durable_settings(HOOK_KEYS=["own"]), override_settings(SECRET_KEY="another"):
            assert find_hook(hook.token).pk == hook.id
        with pytest.raises(HookNotFoundError):
            find_hook(hook.token)


class TestRevoking:
    def test_a_revoked_link_is_refused(self, execution: ExecutionHandle[Any]) -> None:
        hook = mint_hook(execution.id, "approved", expires_in=HOUR)

        assert revoke_hook(hook.id, by=ALICE, reason="sent to the wrong person")

        with pytest.raises(HookGoneError) as refused:
            use_hook(hook.token)
        assert refused.value.why == "revoked"
        assert told(execution) == [("hook_revoked", "user", "7")]

    def test_a_used_link_stays_used(self, execution: ExecutionHandle[Any]) -> None:
        hook = mint_hook(execution.id, "approved", expires_in=HOUR)
        use_hook(hook.token)

        assert not revoke_hook(hook.id)

        assert told(execution) == [("signalled", "hook", str(hook.id))]

    def test_an_unknown_link_is_refused(self, durable: DurableDriver) -> None:
        with pytest.raises(HookNotFoundError):
            revoke_hook(uuid4())


def test_links_are_listed_newest_first(
    durable: DurableDriver, execution: ExecutionHandle[Any]
) -> None:
    first, second, third = (
        mint_hook(execution.id, "approved", expires_in=HOUR * hours) for hours in (1, 5, 5)
    )
    use_hook(second.token)
    revoke_hook(third.id)
    durable.advance(hours=2)

    found = [(hook.pk, state_of(hook, durable.clock.now())) for hook in list_hooks(execution.id)]

    assert found == [(third.id, "revoked"), (second.id, "used"), (first.id, "expired")]


class TestUrl:
    def test_without_the_api_there_is_no_address(self, settings: Any) -> None:
        settings.ROOT_URLCONF = "django.contrib.auth.urls"

        with pytest.raises(ConfigurationError, match=r"durable_django\.api\.urls"):
            hook_url("token")


@pytest.fixture
def real(transactional_db: None) -> Iterator[DurableEngine]:
    """An engine whose rows other threads see."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time; the test is about two.")
    engine = runtime.build_engine(dispatcher=None, options=EngineOptions(renews_leases=False))
    former = runtime.use_engine(engine)
    yield engine
    runtime.use_engine(former)
    engine.dispose()


def cancel(engine: DurableEngine, execution_id: UUID) -> None:
    """Cancel an execution and have it notice."""
    client.cancel(execution_id)
    engine.drain(["default"])


class TestRaces:
    def test_of_fifty_uses_at_once_one_sends(
        self, real: DurableEngine, approval: WorkflowFunction[Any, Any]
    ) -> None:
        execution = approval.start()
        hook = mint_hook(execution.id, "approved", expires_in=HOUR)

        answers = at_once(*[partial(use_hook, hook.token, n) for n in range(50)])

        assert [type(one) for one in answers].count(Signal) == 1
        refused = [one for one in answers if not isinstance(one, Signal)]
        assert {(type(one), getattr(one, "why", one)) for one in refused} == {
            (HookGoneError, "used")
        }
        assert len(sent(execution)) == 1
        assert told(execution) == [("signalled", "hook", str(hook.id))]

    def test_a_use_and_a_revocation_at_once_have_one_winner(
        self, real: DurableEngine, approval: WorkflowFunction[Any, Any]
    ) -> None:
        for _ in range(ROUNDS):
            execution = approval.start()
            hook = mint_hook(execution.id, "approved", expires_in=HOUR)

            used, is_revoked = at_once(
                partial(use_hook, hook.token), partial(revoke_hook, hook.id, by=ALICE)
            )

            assert isinstance(used, HookGoneError) == is_revoked
            assert len(sent(execution)) == (0 if is_revoked else 1)
            [kind] = [what for what, _, _ in told(execution)]
            assert kind == ("hook_revoked" if is_revoked else "signalled")

    def test_a_use_and_a_cancel_at_once_leave_both_or_neither(
        self, real: DurableEngine, approval: WorkflowFunction[Any, Any]
    ) -> None:
        for _ in range(ROUNDS):
            execution = approval.start()
            hook = mint_hook(execution.id, "approved", expires_in=HOUR)

            used, _ = at_once(partial(use_hook, hook.token), partial(cancel, real, execution.id))

            was_sent = isinstance(used, Signal)
            assert was_sent or isinstance(used, HookGoneError)
            assert len(sent(execution)) == was_sent
            assert (SignalHook.objects.get(pk=hook.id).used_at is not None) == was_sent


def test_no_signal_of_somebody_else_can_take_the_place_of_a_links(
    execution: ExecutionHandle[Any],
):
    hook = mint_hook(execution.id, "approved", expires_in=HOUR, by=ALICE)
    execution.signal("noise", dedupe_key=f"hook:{hook.id}")

    signal = use_hook(hook.token, {"yes": True})

    assert (signal.name, "yes" in signal.payload) == ("approved", True)
