"""Every Python block of the README runs, as the reader would run it."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from durable_django import client, conf
from durable_django.testing.driver import DurableDriver

README = Path(__file__).resolve().parent.parent / "README.md"
BLOCKS = re.findall(
    r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


def find_block(text: str) -> str:
    found = [block for block in BLOCKS if text in block]
    assert len(found) == 1, f"{len(found)} blocks of the README hold {text!r}"
    return found[0]


def execute(block: str, **names: Any) -> dict[str, Any]:
    namespace = {"__name__": "readme", **names}
    exec(compile(block, str(README), "exec"), namespace)  # noqa: S102 -- our own README
    return namespace


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
    durable = execute(find_block("DURABLE = {"))["DURABLE"]

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


def test_the_operations_shown_work(durable: DurableDriver) -> None:
    pay = execute(find_block('name="readme.pay"'))["pay"]

    names = execute(find_block("client.cancel(execution.id"), pay=pay)

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
        "client.cancel(execution.id",
        "DATABASES[",
        "DURABLE = {",
        'name="readme.parcel"',
    ]

    assert sorted(BLOCKS) == sorted(find_block(mark) for mark in marks)
