"""Every Python block of the README runs, as the reader would run it."""

from __future__ import annotations

import base64
import re
import shlex
import sys
import types
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin import site as default_site
from django.contrib.auth.models import Group, Permission, User
from django.template import Context, Template
from django.test import Client, RequestFactory

from durable_django import client, conf, queues, schedules
from durable_django.control import human_tasks
from durable_django.control.scope import visible_executions
from durable_django.engine.registry import default_registry
from durable_django.exceptions import DurableError
from durable_django.testing.driver import DurableDriver

README = Path(__file__).resolve().parent.parent / "README.md"
BLOCKS = re.findall(
    r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


def find_block(text: str) -> str:
    found = [block for block in BLOCKS if text in block]
    assert len(found) == 1, f"{len(found)} blocks of the README hold {text!r}"
    return found[0]


def find_commands(text: str) -> list[list[str]]:
    """Return the words of each line of the console block that holds `text`."""
    consoles = re.findall(
        r"^```console\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    [block] = [block for block in consoles if text in block]
    return [shlex.split(line.removeprefix("$ ")) for line in block.splitlines()]


def execute(block: str, **names: Any) -> dict[str, Any]:
    namespace = {"__name__": "readme", **names}
    exec(compile(block, str(README), "exec"), namespace)  # noqa: S102 -- our own README
    return namespace


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Forget the workflows of the README: other tests have some of the same names."""
    yield
    for definition in default_registry.list_definitions():
        if definition.name.startswith(("shop.", "readme.")):
            default_registry.forget(definition.name, definition.version)


class Gateway:
    """A pretend payment gateway."""

    def __init__(self) -> None:
        self.charged: list[str] = []
        self.refunded: list[str] = []

    def charge(self, order_id: int, total: int, *, key: str) -> str:
        self.charged.append(key)
        return f"charge-{order_id}"

    def refund(self, charge: str) -> None:
        self.refunded.append(charge)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The modules that the first two blocks import."""
    package, services, workflows = (
        types.ModuleType(name) for name in ("shop", "shop.services", "shop.workflows")
    )
    vars(services).update(
        gateway=Gateway(),
        validate_order=lambda _: 100,
        reserve_stock=lambda order_id: order_id,
        release_stock=lambda _: None,
        ship=lambda order_id, boxes: f"{order_id} in {boxes} boxes",
    )
    for module in (package, services, workflows):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    vars(workflows).update(execute(find_block("# shop/workflows.py")))
    return services


@pytest.mark.usefixtures("shop")
def test_the_first_workflow_is_about_twenty_lines() -> None:
    assert len(find_block("# shop/workflows.py").splitlines()) <= 25


def test_the_first_workflow_runs_as_shown(durable: DurableDriver, shop: types.ModuleType) -> None:
    names = execute(find_block("# anywhere in the project"))
    durable.drain()

    durable.advance(hours=24)

    assert client.get(names["execution"].id).result(timeout=0) == "991 in 2 boxes"
    assert len(shop.gateway.charged) == 1


def test_the_settings_shown_are_legal() -> None:
    apps = execute(find_block("INSTALLED_APPS +="), INSTALLED_APPS=[])["INSTALLED_APPS"]
    databases = execute(find_block("DATABASES["), DATABASES={"default": {}})["DATABASES"]
    durable = execute(find_block('"LEASE_SECONDS": 30'))["DURABLE"]

    assert apps == ["django_q", "durable_django"]
    assert databases["default"]["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert conf.parse(durable).queues == ("default", "mail")


@pytest.mark.parametrize(
    ("amount", "result"), [(42, "charge-42"), (5000, "declined")], ids=["charged", "declined"]
)
def test_the_payment_shown_ends_as_it_says(
    durable: DurableDriver, amount: int, result: str
) -> None:
    pay = execute(find_block('name="readme.pay"'))["pay"]

    execution = durable.start(pay, amount)

    assert durable.result(execution) == result


@pytest.mark.parametrize(("pays", "end"), [(True, "paid"), (False, "late")], ids=["paid", "late"])
def test_the_fulfilment_shown_ends_as_it_says(
    durable: DurableDriver, *, pays: bool, end: str
) -> None:
    fulfil = execute(find_block('name="readme.fulfil"'))["fulfil"]
    execution = durable.start(fulfil, 991, ["tea", "jam"])

    if pays:
        durable.signal(execution, "paid")
    durable.advance(days=3)

    labels = ["label for tea", "label for jam"]
    bill = "invoice-991"
    assert durable.result(execution) == {"bill": bill, "packed": 2, "labels": labels, "end": end}


def test_the_queue_shown_debounces(durable: DurableDriver) -> None:
    sync = execute(find_block('name="readme.sync"'))["sync"]
    durable.advance(seconds=5)

    found = client.list_executions(workflow="readme.sync")

    assert sorted(execution.status for execution in found) == ["cancelled", "completed"]
    assert sync.definition.limit.max == 3
    assert queues.get("sync").control.max_running == 10


def test_the_schedule_shown_ticks(durable: DurableDriver) -> None:
    execute(find_block('name="readme.report"'))
    durable.schedules.sync()
    [triggered] = client.list_executions(workflow="readme.report")

    durable.advance(days=7)

    of_weekdays = schedules.list_ticks("readme.report")
    assert len(of_weekdays) == 5
    assert {tick.outcome for tick in of_weekdays} == {"started"}
    assert len(schedules.list_ticks("readme.hourly", 1000)) >= 7 * 24
    assert str(client.list_events(triggered.id)[0].reason) == "the boss asked"


@pytest.fixture
def support(django_user_model: Any) -> dict[str, Any]:
    """Bob and Ann, who do human tasks, and Carol."""
    group = Group.objects.create(name="support")
    group.permissions.add(Permission.objects.get(codename="complete_humantask"))
    people = {}
    for name in ("ann", "bob", "carol"):
        people[name] = django_user_model.objects.create_user(name, is_staff=True)
        people[name].groups.add(group)
    return people


def test_the_question_shown_is_answered(
    durable: DurableDriver, support: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = execute(find_block('name="readme.refund"'))
    # A form is found by its path among the modules that are loaded.
    module = types.ModuleType("readme")
    monkeypatch.setitem(sys.modules, "readme", module)
    vars(module).update(names)
    execution = durable.start(names["refund"], 991, "ann")
    [task] = durable.tasks(execution)

    with pytest.raises(DurableError):
        human_tasks.claim(task.id, user=support["ann"])
    answered = execute(find_block("human_tasks.mint_link("), task=task, bob=support["bob"])
    durable.drain()

    assert durable.result(execution) == "refused by bob: too late"
    assert answered["url"]


def test_the_second_pair_of_eyes_shown_is_another(
    durable: DurableDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = execute(find_block('name="readme.refund"'))
    module = types.ModuleType("readme")
    monkeypatch.setitem(sys.modules, "readme", module)
    vars(module).update(names)
    execution = durable.start(names["refund"], 991, "ann")

    durable.complete_task(execution, "review", {"approved": True}, by="bob")
    durable.complete_task(execution, "second", {"approved": True}, by="carol")

    assert durable.result(execution) == "refunded"


def test_the_operations_shown_work(durable: DurableDriver) -> None:
    pay = execute(find_block('name="readme.pay"'))["pay"]

    names = execute(find_block('reason="customer", compensate=True'), pay=pay)

    durable.drain()
    assert names["execution"].refresh().status == "cancelled"


@pytest.mark.parametrize(
    "name", ["test_parcel_waits_for_its_address", "test_parcel_survives_any_crash"]
)
def test_the_tests_shown_pass(durable: DurableDriver, name: str) -> None:
    execute(find_block('name="readme.parcel"'))[name](durable)


def test_every_block_is_run_by_a_test_here() -> None:
    marks = [
        "# shop/workflows.py",
        "# anywhere in the project",
        "INSTALLED_APPS +=",
        'name="readme.pay"',
        'name="readme.fulfil"',
        'name="readme.sync"',
        'name="readme.report"',
        'name="readme.refund"',
        "human_tasks.mint_link(",
        'reason="customer", compensate=True',
        "support = Actor(",
        "class OrderAdmin(",
        "def only_own(",
        "# urls.py",
        "import hook_url, mint_hook",
        "DATABASES[",
        '"LEASE_SECONDS": 30',
        'name="readme.parcel"',
    ]

    assert sorted(BLOCKS) == sorted(find_block(mark) for mark in marks)


def test_the_acts_shown_are_written_down(durable: DurableDriver) -> None:
    pay = execute(find_block('name="readme.pay"'))["pay"]
    # One that has ended could not be cancelled.
    durable.engine.registry.replace(replace(pay.definition, body=_charge_and_wait))
    execution = durable.start(pay, 42)

    names = execute(find_block("support = Actor("), execution=execution)

    told = [str(event.type) for event in client.list_events(execution.id)]
    assert told == ["forked", "cancel_requested"]
    durable.engine.registry.replace(pay.definition)
    assert names["fork"].execution.forked_from == execution.id


def _charge_and_wait(ctx: Any, amount: int) -> None:
    ctx.step("charge", abs, amount)
    ctx.wait_signal("never")


@pytest.mark.django_db
def test_the_admin_of_a_business_object_shows_its_executions(
    client_of_admin: Client, durable: DurableDriver
) -> None:
    order_admin = execute(find_block("class OrderAdmin("))["OrderAdmin"](User, default_site)
    user = User.objects.get(username="alice")
    pay = execute(find_block('name="readme.pay"'))["pay"]
    execution = durable.start(pay.options(subject=user), 42)
    request = RequestFactory().get("/")
    request.user = user

    [panel] = [one for one in order_admin.get_readonly_fields(request, user) if callable(one)]

    assert str(execution.id) in panel(user)


@pytest.mark.django_db
def test_the_scope_shown_hides_what_is_somebody_else_s(
    client_of_admin: Client, durable: DurableDriver, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    tenants = types.ModuleType("readme_tenants")
    vars(tenants).update(execute(find_block("def only_own(")))
    monkeypatch.setitem(sys.modules, "readme_tenants", tenants)
    pay = execute(find_block('name="readme.pay"'))["pay"]
    user = User.objects.get(username="alice")
    mine = durable.start(pay.options(correlation_id=f"tenant-{user.pk}"), 42)
    durable.start(pay.options(correlation_id="tenant-0"), 42)

    settings.DURABLE = {**settings.DURABLE, "SCOPE": "readme_tenants.only_own"}

    assert [row.pk for row in visible_executions(user)] == [mine.id]


def test_the_link_shown_sends_its_signal_once(
    client: Client, durable: DurableDriver, shop: types.ModuleType
) -> None:
    order = execute(find_block("# shop/workflows.py"))["order"]
    execution = durable.start(order, 991)

    link = execute(find_block("import hook_url, mint_hook"), execution=execution)["link"]
    opened = client.get(link).status_code
    first, second = (client.post(link, '{"boxes": 2}', "application/json") for _ in range(2))

    durable.advance(hours=24)
    assert (opened, first.status_code, second.status_code) == (200, 202, 410)
    assert durable.result(execution.refresh()) == "991 in 2 boxes"


def test_the_tags_shown_draw_an_execution(durable: DurableDriver) -> None:
    pay = execute(find_block('name="readme.pay"'))["pay"]
    execution = durable.start(pay, 42)
    [tags] = re.findall(r"`(\{% load durable_django [^`]*)`", README.read_text(encoding="utf-8"))
    drawn = re.findall(r"`(\{% durable_[^`]*)`", README.read_text(encoding="utf-8"))

    html = Template("".join([tags, *drawn])).render(Context({"execution": execution.execution}))

    assert len(drawn) == 2
    assert "Completed" in html
    assert "<svg" in html


def test_the_requests_shown_are_answered(
    client_of_admin: Client, durable: DurableDriver, shop: types.ModuleType
) -> None:
    order = execute(find_block("# shop/workflows.py"))["order"]
    durable.engine.registry.replace(replace(order.definition, expose=True))
    urlpatterns = execute(find_block("# urls.py"))["urlpatterns"]
    alias, *commands = find_commands("api localhost:8000/api/durable/v1/workflows/")
    [_, alias_of] = alias
    assert alias_of.startswith("api=curl")
    answers = []
    made = ""

    for _, address, *arguments in commands:
        options = dict(zip(arguments[::2], arguments[1::2], strict=True))
        headers = dict([options["-H"].split(": ")]) if "-H" in options else {}
        body = options.get("-d")
        path = address.removeprefix("localhost:8000").replace("$ID", made)
        method = "GET" if body is None else "POST"
        answer = client_of_admin.generic(
            method, path, body or "", content_type="application/json", headers=headers
        )
        durable.drain()
        answers.append(answer.status_code)
        made = made or (answer.json()["id"] if answer.status_code == 201 else "")

    assert str(urlpatterns[0].pattern) == "api/durable/"
    # The order waits a day before it looks for the signal: it is cancelled, and has no result.
    assert answers == [200, 201, 200, 200, 202, 202, 409]


@pytest.fixture
def client_of_admin(db: None) -> Client:
    """A client that is who the curl lines say: alice, by HTTP basic authentication."""
    User.objects.create_superuser("alice", "alice@example.org", "secret")
    credentials = base64.b64encode(b"alice:secret").decode()
    return Client(headers={"Authorization": f"Basic {credentials}"})
