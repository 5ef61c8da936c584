from __future__ import annotations

import pytest

from durable_django.domain.definition import WorkflowDefinition
from durable_django.engine.registry import Registry
from durable_django.exceptions import DefinitionError, UnknownWorkflowError


def order(ctx):
    """A body."""


def refund(ctx):
    """Another."""


def definition(body=order, **fields):
    return WorkflowDefinition(**({"name": "shop.order", "version": 1, "body": body} | fields))


@pytest.fixture
def registry():
    return Registry()


def test_a_name_and_version_are_taken_once(registry):
    registry.register(definition())

    with pytest.raises(DefinitionError, match="registered twice"):
        registry.register(definition(refund))


def test_the_same_function_again_takes_its_former_place(registry):
    registry.register(definition())
    reloaded = definition(queue="slow")

    registry.register(reloaded)

    assert registry.find("shop.order", 1) is reloaded


def test_replace_asks_nothing(registry):
    registry.register(definition())
    registry.replace(definition(refund))

    assert registry.load("shop.order").body is refund


def test_load_without_a_version_gives_the_highest(registry):
    for version in (1, 10, 9):
        registry.register(definition(version=version))

    assert registry.load("shop.order").version == 10
    assert registry.load("shop.order", 9).version == 9


@pytest.mark.parametrize("version", [None, 2])
def test_load_of_what_is_unknown_says_what_is_known(registry, version):
    registry.register(definition())

    with pytest.raises(UnknownWorkflowError, match=r"Known here: shop\.order"):
        registry.load("shop.refund" if version is None else "shop.order", version)


def test_find_returns_none(registry):
    assert registry.find("shop.order", 1) is None


@pytest.mark.parametrize(("version", "left"), [(None, []), (1, [2])])
def test_forget(registry, version, left):
    registry.register(definition())
    registry.register(definition(version=2))

    registry.forget("shop.order", version)
    registry.forget("shop.nowhere")

    assert [d.version for d in registry.list_definitions()] == left


def test_definitions_are_listed_by_name_then_version(registry):
    for name, version in [("b", 1), ("a", 10), ("a", 2)]:
        registry.register(definition(name=name, version=version))

    listed = [(d.name, d.version) for d in registry.list_definitions()]

    assert listed == [("a", 2), ("a", 10), ("b", 1)]


def test_queues_are_listed_once_each(registry):
    for name, queue in [("a", "slow"), ("b", "default"), ("c", "slow")]:
        registry.register(definition(name=name, queue=queue))

    assert list(registry.queues()) == ["default", "slow"]
