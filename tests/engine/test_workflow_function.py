from __future__ import annotations

import re
from datetime import timedelta

import pytest

from durable_django.domain.definition import OnFailure
from durable_django.domain.limit import Limit
from durable_django.domain.recurrence import Recurrence
from durable_django.domain.status import Guarantee
from durable_django.engine.registry import Registry
from durable_django.engine.start_request import EngineSlot, StartOptions, StartRequest
from durable_django.engine.workflow_function import workflow
from durable_django.exceptions import ConfigurationError, DefinitionError


@pytest.fixture
def registry():
    return Registry()


class TestWorkflow:
    def test_options_make_the_definition(self, registry):
        @workflow(
            name="shop.order",
            version=2,
            queue="slow",
            ttl=timedelta(days=1),
            guarantee=Guarantee.FOREGROUND,
            on_failure="park",
            expose=True,
            tags=["shop"],
            registry=registry,
        )
        def order(ctx, order_id: int):
            """Sell something."""
            return order_id

        definition = order.definition
        assert registry.find("shop.order", 2) is definition
        assert (order.name, order.version) == ("shop.order", 2)
        assert (definition.queue, definition.ttl) == ("slow", timedelta(days=1))
        assert definition.guarantee is Guarantee.FOREGROUND
        assert definition.on_failure is OnFailure.PARK
        assert (definition.expose, definition.tags) == (True, ("shop",))

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (
                {"schedule": "0 9 * * MON-FRI", "timezone": "Europe/Berlin"},
                Recurrence("0 9 * * MON-FRI", timezone="Europe/Berlin"),
            ),
            ({"schedule": timedelta(hours=1)}, Recurrence(timedelta(hours=1))),
            (
                {"schedule": Recurrence("0 9 * * *", input={"day": 1})},
                Recurrence("0 9 * * *", input={"day": 1}),
            ),
            ({}, None),
        ],
        ids=["cron", "interval", "value", "none"],
    )
    def test_schedule_is_kept_with_the_definition(self, registry, options, expected):
        report = workflow(name="shop.report", registry=registry, **options)(lambda ctx, day=1: day)

        assert report.definition.schedule == expected

    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            ({"schedule": "61 * * * *"}, "'61' is no minute"),
            ({"schedule": "0 9 * * *", "timezone": "Mars/X"}, "is not a time zone"),
            ({"schedule": timedelta(milliseconds=1)}, "a whole number of seconds"),
            ({"schedule": 5}, "a cron expression, a timedelta or a Recurrence"),
            ({"timezone": "UTC"}, "none is given"),
            ({"schedule": Recurrence("0 9 * * *", tick_argument="when")}, "'when'"),
            ({"schedule": Recurrence("0 9 * * *", input={"colour": 1})}, "'colour'"),
            (
                {"schedule": Recurrence("0 9 * * *", overlap="queue"), "limit": Limit(3)},
                "overlap='allow'",
            ),
        ],
    )
    def test_schedule_that_could_not_start_it_is_refused(self, registry, options, problem):
        with pytest.raises(DefinitionError, match=re.escape(problem)):
            workflow(name="shop.report", registry=registry, **options)(lambda ctx, day=1: day)

        assert registry.list_definitions() == []

    def test_scheduled_workflow_is_callable_without_arguments(self, registry):
        with pytest.raises(DefinitionError, match="missing a required argument: 'order_id'"):
            workflow(name="shop.order", registry=registry, schedule="0 9 * * *")(
                lambda ctx, order_id: order_id
            )

    def test_it_looks_like_the_function_and_can_be_called(self, registry):
        @workflow(name="shop.order", registry=registry)
        def order(ctx, order_id: int):
            """Sell something."""
            return (ctx, order_id)

        assert (order.__name__, order.__doc__) == ("order", "Sell something.")
        assert order("a context", 5) == ("a context", 5)

    @pytest.mark.parametrize(
        ("module", "name"),
        [
            ("shop.workflows", "shop.order"),
            ("project.shop.workflows", "shop.order"),
            ("shop.selling", "selling.order"),
            ("workflows", "workflows.order"),
        ],
    )
    def test_the_default_name_is_the_app_s_and_the_function_s(self, registry, module, name):
        def order(ctx):
            pass

        order.__module__ = module

        assert workflow(registry=registry)(order).name == name

    @pytest.mark.parametrize(
        "options",
        [
            {"name": "a/b"},
            {"version": 0},
            {"version": True},
            {"version": "2"},
            {"ttl": timedelta(0)},
            {"queue": ""},
            {"queue": "x" * 201},
        ],
        ids=str,
    )
    def test_what_could_not_work_is_refused(self, registry, options):
        with pytest.raises(DefinitionError):
            workflow(**({"name": "a"} | options), registry=registry)(lambda ctx: ctx)
        assert registry.list_definitions() == []

    def test_an_unknown_on_failure_is_refused(self, registry):
        with pytest.raises(ValueError, match="ignore"):
            workflow(name="a", on_failure="ignore", registry=registry)(lambda ctx: ctx)

    def test_a_generator_is_refused(self, registry):
        def body(ctx):
            yield ctx

        with pytest.raises(DefinitionError, match="ordinary `def`"):
            workflow(name="a", registry=registry)(body)


class TestStartRequest:
    @pytest.fixture
    def order(self, registry):
        return workflow(name="shop.order", registry=registry)(lambda ctx: ctx)

    def test_options_leave_the_workflow_as_it_is(self, order):
        order.options(key="a", tags=["b"])

        assert order._options == StartOptions()

    def test_options_may_be_changed_one_by_one(self, order):
        request = order.options(key="a", priority=3).options(tags=["b"], key="c")

        assert isinstance(request, StartRequest)
        assert request._options == StartOptions(key="c", priority=3, tags=("b",))

    def test_an_unknown_option_is_refused(self, order):
        with pytest.raises(TypeError, match="colour"):
            order.options(colour="red")
        with pytest.raises(TypeError, match="colour"):
            order.options(key="a").options(colour="red")


class TestEngineSlot:
    def test_an_empty_one_says_what_to_do(self):
        with pytest.raises(ConfigurationError, match="INSTALLED_APPS"):
            EngineSlot().get()

    def test_it_asks_its_provider_each_time(self):
        engines = iter(["one", "two"])
        slot = EngineSlot(lambda: next(engines))

        assert [slot.get(), slot.get()] == ["one", "two"]
