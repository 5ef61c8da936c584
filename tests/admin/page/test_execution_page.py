from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from durable_django import RetryPolicy, WorkflowContext, client, workflow
from durable_django.admin.page.look import Tab
from durable_django.domain.event import Actor, ActorKind
from durable_django.domain.status import ExecutionStatus, WaitKind
from durable_django.engine.start_request import StartOptions
from durable_django.models import (
    StepCheckpoint,
    WorkflowExecution,
    WorkflowSignal,
    WorkflowTimer,
)
from durable_django.testing import DurableDriver

pytestmark = pytest.mark.django_db
PAGES = "/admin/durable_django/workflowexecution/"
EVIL = "</svg></textarea><script>alert(1)</script>"
CANARY = "canary-7f3a"
#: Session, user, execution, version, children; start, attempts, timers, signals. The driver's clock
#: is no query; the database's is one more.
QUERIES_OF_ALL = 9
#: What each tab asks besides.
QUERIES_OF_TAB = {
    Tab.TIMELINE: 1,
    Tab.STEPS: 1,
    Tab.SIGNALS: 1,
    Tab.TIMERS: 0,
    Tab.HISTORY: 1,
    Tab.PAYLOADS: 1,
    Tab.RELATED: 2,
    Tab.GRAPH: 0,
    Tab.CHILDREN: 1,
    # The user's groups, the tasks, and how many.
    Tab.TASKS: 3,
}
#: A signal that was not asked for, a timer that is to come.
EXPECTED_ON_TAB = {
    Tab.TIMELINE: "charge",
    Tab.STEPS: "charge",
    Tab.SIGNALS: "note",
    Tab.TIMERS: "packed",
    Tab.HISTORY: "charge",
    Tab.PAYLOADS: "990",
    Tab.RELATED: "order-990",
    Tab.GRAPH: "flowchart TD",
    Tab.CHILDREN: "There is no child",
    Tab.TASKS: "It has asked nobody",
}


def decline(_amount: int) -> None:
    raise ValueError("the card was declined")


@workflow(name="page.order")
def order(ctx: WorkflowContext, number: str, *, fails: bool = False) -> dict[str, Any]:
    ctx.step("reserve", lambda: {"secret": "s3cr3t", "held": number}, compensate=lambda _: None)
    if fails:
        ctx.step("charge", decline, 42, retry=RetryPolicy.fixed(2, timedelta(minutes=1)))
    ctx.step("charge", lambda amount: {"charged": amount}, 42)
    ctx.progress(1, 2, "half of it")
    return {"packed": ctx.wait_signal("packed", timeout=timedelta(days=2))}


@workflow(name="page.hostile")
def hostile(ctx: WorkflowContext, given: str) -> None:
    ctx.step("step", lambda: {EVIL: EVIL})
    ctx.progress(1, 3, EVIL)

    def fail() -> None:
        raise ValueError(EVIL)

    ctx.step("fail", fail)


@workflow(name="page.secretive")
def secretive(ctx: WorkflowContext, given: str) -> str:
    ctx.step("keep", lambda text: text, given)
    ctx.wait_signal("first")
    return given


@workflow(name="page.many")
def many(ctx: WorkflowContext, steps: int) -> None:
    for number in range(steps):
        ctx.step(f"s{number}", lambda: "done")
        ctx.wait_signal("go")
        ctx.sleep("nap", timedelta(seconds=1))


@pytest.fixture
def staff(client: Client) -> Client:
    # Its query would belong to whichever test comes first.
    ContentType.objects.get_for_model(WorkflowExecution)
    client.force_login(User.objects.create_superuser("root"))
    return client


def log_in(client: Client, *codenames: str) -> User:
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return user


def url_of(execution_id: object, tab: str = "timeline") -> str:
    return f"{PAGES}{execution_id}/change/?tab={tab}"


def live_url_of(execution_id: object, tab: str = "timeline") -> str:
    return f"{PAGES}{execution_id}/live/?tab={tab}"


def start_order(durable: DurableDriver, **given: Any) -> UUID:
    options = StartOptions(key="order-990", subject="auth.user:1", tags=("vip",))
    handle = client.start("page.order", {"number": "990", **given}, options=options)
    durable.drain()
    return handle.id


def bring_to(durable: DurableDriver, status: ExecutionStatus) -> UUID:
    """Return an execution with a bit of everything, in this status."""
    fails = status in (ExecutionStatus.FAILED, ExecutionStatus.COMPENSATING)
    execution_id = start_order(durable, fails=fails)
    if not fails:
        client.signal(execution_id, "note", {"text": "hurry"})
    now = durable.clock.now()
    held = {"wake_at": now + timedelta(seconds=30), "lease_owner": "web-1", "waiting_kind": ""}
    stopped = {"wake_at": None, "order_at": None, "waiting_kind": "", "waiting_for": ""}
    changes: dict[ExecutionStatus, dict[str, Any]] = {
        ExecutionStatus.PENDING: {"waiting_kind": "", "waiting_for": ""},
        ExecutionStatus.RUNNING: held,
        ExecutionStatus.COMPENSATING: {**held, "ending": "failed"},
        ExecutionStatus.PAUSED: stopped,
        ExecutionStatus.PARKED: {
            **stopped,
            "park_reason": "failure",
            "error": '{"type": "E", "message": "m"}',
        },
    }
    if status in changes:
        rows = WorkflowExecution.objects.filter(pk=execution_id)
        rows.update(status=str(status), **changes[status])
    elif status is ExecutionStatus.COMPLETED:
        durable.signal(execution_id, "packed", {"by": "Ida"})
    elif status is ExecutionStatus.CANCELLED:
        durable.cancel(execution_id, "no longer wanted")
    elif status is ExecutionStatus.FAILED:
        durable.advance(minutes=5)
    assert WorkflowExecution.objects.get(pk=execution_id).status == status
    return execution_id


# --- every state, every tab ---


@pytest.mark.parametrize("tab", list(Tab))
@pytest.mark.parametrize("status", list(ExecutionStatus))
def test_every_tab_is_shown_in_every_state(
    durable: DurableDriver, staff: Client, status: ExecutionStatus, tab: Tab
):
    execution_id = bring_to(durable, status)

    page = staff.get(url_of(execution_id, tab))

    assert page.status_code == 200
    said = re.sub(r"<[^>]*>", " ", page.text)
    assert not re.search(r"\b(None|Promise|object at 0x)\b", said)
    assert "order-990" in said
    assert page.text.count("<h1") == 1


@pytest.mark.parametrize("tab", list(Tab))
def test_tab_shows_what_it_is_for(durable: DurableDriver, staff: Client, tab: Tab):
    execution_id = bring_to(durable, ExecutionStatus.SUSPENDED)

    page = staff.get(url_of(execution_id, tab))

    _, _, content = page.text.partition(f'id="dw-tab-{tab}"')
    if tab is Tab.RELATED:
        content += page.text
    assert EXPECTED_ON_TAB[tab] in content


def test_unknown_tab_is_the_timeline(durable: DurableDriver, staff: Client):
    execution_id = start_order(durable)

    page = staff.get(url_of(execution_id, "steps'--"))

    assert 'id="dw-tab-timeline"' in page.text


@pytest.mark.parametrize("page", ["0", "-1", "999999999999", "²", "1e3", ""])
def test_senseless_number_of_a_page_is_no_error(durable: DurableDriver, staff: Client, page: str):
    execution_id = start_order(durable)

    answers = [staff.get(f"{url_of(execution_id, tab)}&page={page}") for tab in Tab]

    assert {answer.status_code for answer in answers} == {200}


def test_page_past_the_end_leads_back(durable: DurableDriver, staff: Client):
    execution_id = start_order(durable)

    page = staff.get(f"{url_of(execution_id, 'steps')}&page=7")

    assert "Page 7 of 1" in page.text
    assert "Previous page" in page.text


# --- what it says and offers ---


def test_box_comes_first_and_says_what_it_waits_for(durable: DurableDriver, staff: Client):
    execution_id = start_order(durable)

    text = staff.get(url_of(execution_id)).text

    assert text.index("Waits for signal packed") < text.index('class="dw-tabs"')
    assert f"{PAGES}{execution_id}/act/signal/?name=packed" in text
    assert f"{PAGES}{execution_id}/act/fire_timer/?key=packed" in text


def test_failed_execution_offers_a_retry_in_its_box(durable: DurableDriver, staff: Client):
    execution_id = bring_to(durable, ExecutionStatus.FAILED)

    text = staff.get(url_of(execution_id)).text

    box = text[text.index('id="dw-box"') : text.index('class="dw-tabs"')]
    assert "the card was declined" in box
    assert f"{PAGES}{execution_id}/act/retry/" in box


def test_retry_of_what_was_undone_is_told_as_doing_it_again(durable: DurableDriver, staff: Client):
    execution_id = bring_to(durable, ExecutionStatus.FAILED)

    text = staff.get(url_of(execution_id)).text

    assert "Retry runs charge again. What was undone is done again: reserve." in text


def test_paused_execution_offers_only_a_resume_in_its_box(durable: DurableDriver, staff: Client):
    execution_id = start_order(durable)
    durable.pause(execution_id)

    text = staff.get(url_of(execution_id)).text

    box = text[text.index('id="dw-box"') : text.index('class="dw-tabs"')]
    assert re.findall(r"/act/(\w+)/", box) == ["resume"]


def test_buttons_are_those_of_the_users_permissions(durable: DurableDriver, client: Client):
    execution_id = start_order(durable)
    log_in(client, "view_workflowexecution", "cancel_execution")

    acts = {
        act
        for tab in Tab
        for act in re.findall(r"/act/(\w+)/", client.get(url_of(execution_id, tab)).text)
    }

    assert acts == {"cancel"}


def test_buttons_come_in_one_order(durable: DurableDriver, staff: Client):
    execution_id = start_order(durable)

    text = staff.get(url_of(execution_id)).text

    header = text[text.index('id="dw-header"') : text.index('id="dw-box"')]
    acts = re.findall(r"/act/(\w+)/", header)
    assert acts == ["signal", "pause", "fork", "cancel", "terminate"]


@pytest.mark.parametrize("status", list(ExecutionStatus))
def test_every_link_leads_somewhere(durable: DurableDriver, staff: Client, status: ExecutionStatus):
    execution_id = bring_to(durable, status)
    links = {
        link.replace("&amp;", "&")
        for tab in Tab
        for link in re.findall(r'href="(/admin/[^"#]*)', staff.get(url_of(execution_id, tab)).text)
    }

    answers = {link: staff.get(link).status_code for link in links if "/auth/" not in link}

    assert set(answers.values()) == {200}


def test_steps_have_the_anchors_that_the_timeline_links_to(durable: DurableDriver, staff: Client):
    execution_id = start_order(durable)

    timeline = staff.get(url_of(execution_id, "timeline")).text
    steps = staff.get(url_of(execution_id, "steps")).text

    wanted = set(re.findall(r'href="[^"]*tab=steps#([^"]+)"', timeline))
    found = set(re.findall(r'<section[^>]* id="([^"]+)"', steps))
    assert {"step-reserve", "step-charge"} <= wanted
    assert {"step-reserve", "step-charge"} <= found


def test_attempts_of_a_step_are_all_told(durable: DurableDriver, staff: Client):
    execution_id = bring_to(durable, ExecutionStatus.FAILED)

    text = staff.get(url_of(execution_id, "steps")).text

    assert 'id="step-charge-1"' in text
    assert 'id="step-charge-2"' in text
    assert "ValueError" in text
    [key] = StepCheckpoint.objects.filter(key="charge", attempt=1).values_list(
        "idempotency_key", flat=True
    )
    assert key in text


def test_attempts_that_are_too_many_are_counted(durable: DurableDriver, staff: Client):
    execution_id = start_order(durable)
    row = StepCheckpoint.objects.get(key="charge")
    rows = [
        StepCheckpoint(
            execution_id=execution_id,
            key="charge",
            name="charge",
            position=row.position,
            kind="step",
            attempt=attempt,
            status="failed",
        )
        for attempt in range(2, 31)
    ]
    StepCheckpoint.objects.bulk_create(rows)

    text = staff.get(url_of(execution_id, "steps")).text

    assert "10 earlier attempts are not shown" in text
    assert 'id="step-charge-10"' not in text
    assert 'id="step-charge-30"' in text


def test_history_tells_who_did_what_and_why(durable: DurableDriver, staff: Client):
    execution_id = start_order(durable)
    alice = Actor(kind=ActorKind.USER, id="7", name="alice")
    client.pause(execution_id, reason="stock count, token=abc123", by=alice)

    text = staff.get(url_of(execution_id, "history")).text

    [row] = re.findall(r"<tr[^>]*>(?:(?!</tr>).)*Asked for a pause.*?</tr>", text, re.DOTALL)
    assert "alice" in row
    assert "stock count" in row
    assert "abc123" not in row


def test_header_names_who_started_it_or_forked_it(durable: DurableDriver, staff: Client):
    alice = Actor(kind=ActorKind.USER, id="7", name="alice")
    bob = Actor(kind=ActorKind.USER, id="8", name="bob")
    origin = client.start("page.order", {"number": "1"}, by=alice)
    durable.drain()
    fork = client.fork(origin.id, "charge", by=bob)
    durable.drain()

    of_origin = staff.get(url_of(origin.id)).text
    of_fork = staff.get(url_of(fork.id)).text

    assert "</time> by alice" in of_origin
    assert "</time> by bob" in of_fork
    assert f"{PAGES}{origin.id}/change/" in of_fork


def test_business_object_is_linked_if_the_user_may_see_it(durable: DurableDriver, client: Client):
    execution_id = start_order(durable)
    log_in(client, "view_workflowexecution")
    plain = client.get(url_of(execution_id)).text
    User.objects.get(username="staff").user_permissions.add(
        Permission.objects.get(codename="view_user")
    )

    linked = client.get(url_of(execution_id)).text

    assert "User 1" in plain
    assert "/admin/auth/user/1/change/" not in plain
    assert "/admin/auth/user/1/change/" in linked


@pytest.mark.parametrize("subject", ["gone.model:1", "nonsense", "auth.user:", "x:" + EVIL])
def test_business_object_that_is_no_more_is_only_named(
    durable: DurableDriver, staff: Client, subject: str
):
    execution_id = start_order(durable)
    WorkflowExecution.objects.update(subject=subject)

    assert staff.get(url_of(execution_id)).status_code == 200


def test_progress_is_drawn(durable: DurableDriver, staff: Client):
    execution_id = start_order(durable)

    text = staff.get(url_of(execution_id)).text

    assert '<progress value="1" max="2"' in text
    assert "half of it" in text


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"done": 10**400, "total": 3},
        {"done": "x"},
        {"done": True},
        {"done": 3, "total": 0},
        {"done": 9, "total": 3},
        {"a": 1},
    ],
    ids=lambda told: str(told)[:30],
)
def test_any_progress_can_be_shown(durable: DurableDriver, staff: Client, told: dict[str, Any]):
    execution_id = start_order(durable)
    WorkflowExecution.objects.update(progress=told)

    assert staff.get(url_of(execution_id)).status_code == 200


def test_related_executions_are_those_in_scope(
    durable: DurableDriver, staff: Client, settings: Any
):
    execution_id = start_order(durable)
    other = client.start("page.secretive", {"given": "x"}, options=StartOptions(key="order-990"))
    settings.DURABLE = {**settings.DURABLE, "SCOPE": "tests.admin.scopes.only_orders"}

    scoped = staff.get(url_of(execution_id, "related")).text
    settings.DURABLE = {}
    unscoped = staff.get(url_of(execution_id, "related")).text

    assert str(other.id) not in scoped
    assert str(other.id) in unscoped


# --- who may see it ---


def test_staff_look_only_if_they_may_view(durable: DurableDriver, client: Client):
    execution_id = start_order(durable)
    log_in(client, "view_stepcheckpoint")

    statuses = [
        client.get(url_of(execution_id)).status_code,
        client.get(live_url_of(execution_id)).status_code,
        client.get(f"{PAGES}{execution_id}/payload/input/").status_code,
        client.get(url_of(uuid4())).status_code,
    ]

    assert statuses == [403] * 4


def test_stranger_is_sent_to_log_in(durable: DurableDriver, client: Client):
    execution_id = start_order(durable)

    answers = [
        client.get(url_of(execution_id)),
        client.get(live_url_of(execution_id)),
        client.get(f"{PAGES}{execution_id}/payload/input/"),
    ]

    assert {answer.status_code for answer in answers} == {302}
    assert all("/login/" in answer["Location"] for answer in answers)


@pytest.mark.parametrize("is_known", [False, True], ids=["unknown", "out of scope"])
def test_what_a_user_may_not_see_does_not_exist(
    durable: DurableDriver, staff: Client, settings: Any, *, is_known: bool
):
    execution_id = start_order(durable) if is_known else uuid4()
    settings.DURABLE = {"SCOPE": "tests.admin.scopes.nothing"}

    page = staff.get(url_of(execution_id))
    others = [live_url_of(execution_id), f"{PAGES}{execution_id}/payload/input/"]

    assert page.status_code == 302
    assert page["Location"] == "/admin/"
    assert {staff.get(url).status_code for url in others} == {404}


@pytest.mark.parametrize("id_", ["1", "x", "%00", "..", "_5F"])
def test_what_is_no_id_is_not_found(db: None, staff: Client, id_: str):
    assert staff.get(url_of(id_)).status_code in (302, 404)


def test_nothing_is_changed_not_even_by_a_superuser(durable: DurableDriver, staff: Client):
    execution_id = start_order(durable)
    before = WorkflowExecution.objects.values().get()

    statuses = [
        staff.post(url_of(execution_id), {"status": "completed"}).status_code,
        staff.put(url_of(execution_id)).status_code,
        staff.delete(url_of(execution_id)).status_code,
        staff.post(live_url_of(execution_id)).status_code,
        staff.post(f"{PAGES}{execution_id}/payload/input/").status_code,
        staff.post(f"{PAGES}{execution_id}/delete/", {"post": "yes"}).status_code,
    ]

    assert statuses == [403] * 6
    assert WorkflowExecution.objects.values().get() == before


# --- payloads ---


def start_secretive(durable: DurableDriver) -> UUID:
    handle = durable.start(secretive, f"input {CANARY}")
    client.signal(handle.id, "first", f"signal {CANARY}")
    client.signal(handle.id, "other", f"other {CANARY}")
    durable.drain()
    return handle.id


def test_payloads_are_not_shown_without_the_permission(durable: DurableDriver, client: Client):
    execution_id = start_secretive(durable)
    log_in(client, "view_workflowexecution")

    answers = [client.get(url_of(execution_id, tab)) for tab in Tab]
    answers += [client.get(live_url_of(execution_id, tab)) for tab in Tab]

    assert {answer.status_code for answer in answers} == {200}
    assert not [answer for answer in answers if CANARY in answer.text]
    assert client.get(f"{PAGES}{execution_id}/payload/input/").status_code == 403


@pytest.mark.parametrize("tab", [Tab.STEPS, Tab.SIGNALS, Tab.PAYLOADS])
def test_payloads_are_shown_with_the_permission(durable: DurableDriver, client: Client, tab: Tab):
    execution_id = start_secretive(durable)
    log_in(client, "view_workflowexecution", "view_payloads")

    assert CANARY in client.get(url_of(execution_id, tab)).text


def test_payloads_are_not_read_without_the_permission(durable: DurableDriver, client: Client):
    execution_id = start_secretive(durable)
    log_in(client, "view_workflowexecution")

    with CaptureQueriesContext(connection) as queries:
        for tab in Tab:
            client.get(url_of(execution_id, tab))

    asked = [query["sql"] for query in queries]
    assert not [sql for sql in asked if re.search(r'["`](input|output|payload)["`]', sql)]


def test_secrets_in_payloads_are_hidden(durable: DurableDriver, staff: Client):
    execution_id = start_order(durable)

    text = staff.get(url_of(execution_id, "steps")).text

    assert "s3cr3t" not in text
    assert "•••" in text


def test_traceback_is_a_payload(durable: DurableDriver, client: Client):
    execution_id = bring_to(durable, ExecutionStatus.FAILED)
    error = json.dumps({"type": "E", "message": "said", "traceback": f"trace {CANARY}"})
    StepCheckpoint.objects.filter(key="charge").update(error=error)
    WorkflowExecution.objects.update(error=error)
    user = log_in(client, "view_workflowexecution")

    hidden = client.get(url_of(execution_id, "steps")).text
    user.user_permissions.add(Permission.objects.get(codename="view_payloads"))
    shown = client.get(url_of(execution_id, "steps")).text

    assert "said" in hidden
    assert CANARY not in hidden
    assert CANARY in shown


def test_long_payload_is_offered_for_download(durable: DurableDriver, staff: Client):
    execution_id = start_order(durable)
    long = json.dumps("x" * 70_000)
    WorkflowExecution.objects.update(input=long)
    StepCheckpoint.objects.filter(key="charge").update(output=long)

    payloads = staff.get(url_of(execution_id, "payloads")).text
    steps = staff.get(url_of(execution_id, "steps")).text

    assert "xxx" not in payloads + steps
    assert f"{PAGES}{execution_id}/payload/input/" in payloads
    assert "/payload/step-result/?key=charge&amp;attempt=1" in steps


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("input/", {"fails": False, "number": "990"}),
        ("arguments/?key=charge&attempt=1", [42]),
        ("step-result/?key=charge&attempt=1", {"charged": 42}),
        ("step-result/?key=reserve&attempt=1", {"held": "990", "secret": "•••"}),
    ],
)
def test_payload_is_downloaded_whole_and_redacted(
    durable: DurableDriver, staff: Client, path: str, expected: object
):
    execution_id = start_order(durable)

    answer = staff.get(f"{PAGES}{execution_id}/payload/{path}")

    assert answer.status_code == 200
    assert find(answer.json(), expected)
    assert answer["Content-Disposition"].startswith("attachment; ")
    assert answer["X-Content-Type-Options"] == "nosniff"


def find(value: Any, expected: object) -> bool:
    """Say whether `expected` is the value or in it, however the codec lays out arguments."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value == expected or any(find(one, expected) for one in inside)


def test_payload_of_a_signal_is_downloaded(durable: DurableDriver, staff: Client):
    execution_id = start_order(durable)
    sent = client.signal(execution_id, "note", {"text": "hurry", "password": "hunter2"})

    answer = staff.get(f"{PAGES}{execution_id}/payload/signal/?id={sent.id}")

    assert answer.json() == {"text": "hurry", "password": "•••"}


@pytest.mark.parametrize(
    "path",
    [
        "result/",
        "nothing/",
        "arguments/",
        "arguments/?key=charge&attempt=99999999999999999999",
        "arguments/?key=charge&attempt=x",
        "arguments/?key=%00&attempt=1",
        "signal/?id=x",
        "signal/?id=0192d3a0-0000-7000-8000-000000000000",
    ],
)
def test_payload_that_is_not_there_is_not_found(durable: DurableDriver, staff: Client, path: str):
    execution_id = start_order(durable)

    assert staff.get(f"{PAGES}{execution_id}/payload/{path}").status_code == 404


def test_payload_of_another_execution_is_not_found(durable: DurableDriver, staff: Client):
    first = start_order(durable)
    second = durable.start(secretive, "x").id
    sent = client.signal(second, "other", 1)

    answer = staff.get(f"{PAGES}{first}/payload/signal/?id={sent.id}")

    assert answer.status_code == 404


# --- markup ---


def start_hostile(durable: DurableDriver) -> UUID:
    options = StartOptions(key="k", tags=("t",))
    handle = client.start("page.hostile", {"given": EVIL}, options=options)
    client.signal(handle.id, "sig", {EVIL: EVIL})
    durable.drain()
    rows = WorkflowExecution.objects.filter(pk=handle.id)
    rows.update(
        key=EVIL,
        tags=[EVIL],
        correlation_id=EVIL,
        subject=f"a.b:{EVIL}",
        lease_owner=EVIL,
        queue=EVIL,
        cancel_reason=EVIL,
    )
    StepCheckpoint.objects.filter(key="step").update(
        key=EVIL, name=EVIL, action=EVIL, compensation=EVIL, idempotency_key=EVIL
    )
    WorkflowSignal.objects.update(name=EVIL, dedupe_key=EVIL)
    WorkflowTimer.objects.create(
        execution_id=handle.id, key=EVIL, fire_at=durable.clock.now() + timedelta(days=1)
    )
    return handle.id


@pytest.mark.parametrize("tab", list(Tab))
@pytest.mark.parametrize("status", ["failed", "running", "suspended", "parked"])
def test_hostile_texts_are_escaped(durable: DurableDriver, staff: Client, status: str, tab: Tab):
    execution_id = start_hostile(durable)
    WorkflowExecution.objects.filter(pk=execution_id).update(
        status=status,
        waiting_kind=str(WaitKind.SIGNAL) if status == "suspended" else "",
        waiting_for=EVIL,
    )

    text = staff.get(url_of(execution_id, tab)).text

    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


@pytest.mark.parametrize("tab", list(Tab))
@pytest.mark.parametrize("status", list(ExecutionStatus))
def test_page_obeys_a_strict_content_security_policy(
    durable: DurableDriver, staff: Client, status: ExecutionStatus, tab: Tab
):
    execution_id = bring_to(durable, status)

    page = staff.get(url_of(execution_id, tab)).text

    tags = re.findall(r"<[a-zA-Z][^>]*>", page)
    assert not [tag for tag in tags if re.search(r"""\s(style|on\w+)\s*=""", tag)]
    assert not re.findall(r"<style|javascript:", page)
    # Django's own JSON and texts aside, every script has a source.
    scripts = [tag for tag in tags if tag.startswith("<script")]
    assert scripts
    assert not [tag for tag in scripts if "src=" not in tag and "application/json" not in tag]


@pytest.mark.parametrize("tab", list(Tab))
def test_ids_on_the_page_are_unique(durable: DurableDriver, staff: Client, tab: Tab):
    execution_id = bring_to(durable, ExecutionStatus.FAILED)

    ids = re.findall(r'\sid="([^"]*)"', staff.get(url_of(execution_id, tab)).text)

    assert sorted(set(ids)) == sorted(ids)


def test_page_in_another_language_has_numbers_that_html_understands(
    durable: DurableDriver, staff: Client, settings: Any
):
    execution_id = start_order(durable)
    WorkflowExecution.objects.update(progress={"done": 1234.5, "total": 10000})
    settings.DURABLE = {"ADMIN_POLL_SECONDS": 2.5}
    settings.LANGUAGE_CODE = "de"

    text = staff.get(url_of(execution_id)).text

    assert '<progress value="1234.5" max="10000"' in text
    assert 'data-seconds="2.5"' in text


# --- costs ---


@pytest.mark.parametrize("tab", list(Tab))
@pytest.mark.parametrize("steps", [1, 200])
def test_tab_takes_the_same_queries_whatever_it_shows(
    durable: DurableDriver, staff: Client, steps: int, tab: Tab
):
    execution_id = seed_many(durable, steps)

    with CaptureQueriesContext(connection) as queries:
        page = staff.get(url_of(execution_id, tab))

    assert page.status_code == 200
    assert len(queries) == QUERIES_OF_ALL + QUERIES_OF_TAB[tab]


def seed_many(durable: DurableDriver, steps: int) -> UUID:
    """Return an execution with so many of everything; written at once, because a run takes long."""
    execution_id = durable.start(secretive, "x").id
    now = durable.clock.now()
    made = {"kind": "step", "status": "completed", "started_at": now, "completed_at": now}
    StepCheckpoint.objects.bulk_create(
        StepCheckpoint(
            execution_id=execution_id, key=f"s{n}", name=f"s{n}", position=n, output="1", **made
        )
        for n in range(2, steps + 2)
    )
    WorkflowTimer.objects.bulk_create(
        WorkflowTimer(execution_id=execution_id, key=f"t{n}", fire_at=now) for n in range(steps)
    )
    WorkflowSignal.objects.bulk_create(
        WorkflowSignal(execution_id=execution_id, name="n", payload="1", position=n, created_at=now)
        for n in range(1, steps + 1)
    )
    for number in range(min(steps, 30)):
        options = StartOptions(key=f"o{number}", subject="shop.order:1")
        client.start("page.secretive", {"given": "x"}, options=options)
    WorkflowExecution.objects.filter(pk=execution_id).update(subject="shop.order:1")
    return execution_id


def test_related_executions_are_the_newest_twenty(durable: DurableDriver, staff: Client):
    execution_id = seed_many(durable, 200)

    text = staff.get(url_of(execution_id, "related")).text

    newest = WorkflowExecution.objects.order_by("-id").values_list("pk", flat=True)[:20]
    assert [
        UUID(one) for one in re.findall(r'href="[^"]*/([^/]+)/change/"', text) if len(one) == 36
    ] == list(newest)
    assert "The newest 20 are shown" in text
