from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from durable_django.codecs.tagged_json import TaggedJsonCodec
from durable_django.domain.definition import WorkflowDefinition
from durable_django.domain.limit import Limit, line_key
from durable_django.domain.status import Guarantee, OnConflict
from durable_django.engine.same_start import check_same_start
from durable_django.engine.serialization import Payloads
from durable_django.engine.start_request import StartOptions
from durable_django.engine.starting import check_options, new_execution
from durable_django.exceptions import DefinitionError, ExecutionKeyConflictError, PayloadError
from durable_django.testing import make_execution, make_new_execution

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
payloads = Payloads(TaggedJsonCodec())


def definition(**fields):
    return WorkflowDefinition(name="shop.order", version=2, body=lambda ctx, a=1: ctx, **fields)


def new(definition_=None, **options):
    return new_execution(
        definition_ or definition(), {"a": 1}, StartOptions(**options), payloads, NOW
    )


class TestNewExecution:
    def test_the_workflow_s_options_fill_what_is_not_given(self):
        execution = new(definition(queue="slow", tags=("shop",), guarantee=Guarantee.FOREGROUND))

        assert (execution.workflow_name, execution.workflow_version) == ("shop.order", 2)
        assert (execution.queue, execution.tags) == ("slow", ("shop",))
        assert execution.guarantee is Guarantee.FOREGROUND
        assert (execution.input, execution.key) == ('{"a":1}', None)
        assert (execution.start_at, execution.expires_at) == (None, None)

    def test_the_start_s_own_come_first(self):
        execution = new(
            definition(queue="slow", tags=("shop",), ttl=9 * HOUR),
            queue="fast",
            tags=("vip", "shop"),
            ttl=HOUR,
            guarantee=Guarantee.BACKGROUND,
        )

        assert (execution.queue, execution.tags) == ("fast", ("shop", "vip"))
        assert execution.expires_at == NOW + HOUR

    def test_a_delay_is_reckoned_from_now(self):
        assert new(delay=HOUR).start_at == NOW + HOUR

    def test_the_time_to_live_begins_with_the_start(self):
        assert new(delay=HOUR, ttl=HOUR).expires_at == NOW + 2 * HOUR

    def test_each_has_an_id_of_its_own(self):
        assert new().id != new().id

    def test_an_input_that_is_no_payload_says_whose_it_is(self):
        with pytest.raises(PayloadError, match=r"Input of workflow 'shop\.order'"):
            new_execution(definition(), object(), StartOptions(), payloads, NOW)


class TestLimit:
    def test_the_workflow_s_own_is_resolved_with_the_input(self):
        limit = Limit(3, key=lambda a, **_: a)

        execution = new(definition(limit=limit))

        assert (execution.limit_key, execution.limit_max) == ("shop.order/1", 3)

    def test_the_start_s_own_comes_first(self):
        execution = new(definition(limit=Limit(3)), limit=Limit(5, key="tenant-7"))

        assert (execution.limit_key, execution.limit_max) == ("shop.order/tenant-7", 5)

    def test_none_is_none(self):
        assert (new().limit_key, new().limit_max) == ("", 0)

    def test_the_engine_s_own_is_taken_as_it_is(self):
        execution = new(limit_key="~map/7", limit_max=2)

        assert (execution.limit_key, execution.limit_max) == ("~map/7", 2)

    def test_a_line_is_a_limit(self):
        execution = new(key="k", on_conflict="queue")

        assert (execution.limit_key, execution.limit_max) == (line_key("shop.order", "k"), 1)
        assert execution.on_conflict is OnConflict.QUEUE

    @pytest.mark.parametrize(
        ("own", "options"),
        [
            (Limit(3), {"key": "k", "on_conflict": "queue"}),
            (None, {"key": "k", "on_conflict": "queue", "limit": Limit(3)}),
            (Limit(3), {"limit_key": "~map/7", "limit_max": 2}),
        ],
    )
    def test_two_are_refused(self, own, options):
        with pytest.raises(DefinitionError, match="two limits"):
            new(definition(limit=own), **options)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        pytest.param({"key": ""}, "execution key", id="key"),
        pytest.param({"queue": "a\n"}, "queue", id="queue"),
        pytest.param({"tags": ("",)}, "tag", id="tag"),
        pytest.param({"tags": tuple("ab" * 26)}, "at most 50 tags", id="tags"),
        pytest.param({"priority": 1001}, "from 0 to 1000", id="high priority"),
        pytest.param({"priority": -1}, "from 0 to 1000", id="low priority"),
        pytest.param({"priority": "5"}, "from 0 to 1000", id="no priority"),
        pytest.param({"start_at": NOW, "delay": HOUR}, "not both", id="both"),
        pytest.param({"start_at": NOW.replace(tzinfo=None)}, "aware", id="naive"),
        pytest.param({"queue": "x" * 201}, "queue: 1 to 200", id="long queue"),
        pytest.param({"delay": -HOUR}, "delay is 0 or longer", id="delay"),
        pytest.param({"ttl": -HOUR}, "ttl is longer than 0", id="negative ttl"),
        pytest.param({"ttl": timedelta(0)}, "ttl is longer than 0", id="no time to live"),
        pytest.param({"correlation_id": " x"}, "correlation id", id="correlation id"),
        pytest.param({"key": "k", "on_conflict": "fight"}, "return, raise", id="conflict"),
        pytest.param({"on_conflict": "raise"}, "Give it a key", id="conflict without key"),
        pytest.param({"limit": 3}, r"such as Limit\(3\)", id="limit"),
    ],
)
def test_check_options(options, problem):
    with pytest.raises(DefinitionError, match=problem):
        check_options(StartOptions(**options))


class TestSameStart:
    def check(self, before, now):
        existing = make_execution(input=before, key="k")
        check_same_start(existing, make_new_execution(input=now, key="k"), payloads)

    def test_the_same_text(self):
        self.check('{"a":1}', '{"a":1}')

    def test_another_text_that_says_the_same(self):
        self.check('{"a":1,"b":2}', '{"b":2,"a":1}')

    def test_a_start_that_wants_a_new_one(self):
        existing = make_execution(input="{}", key="k")
        again = make_new_execution(input="{}", key="k", on_conflict=OnConflict.RAISE)

        with pytest.raises(ExecutionKeyConflictError, match="wants a new one"):
            check_same_start(existing, again, payloads)

    def test_another_input(self):
        with pytest.raises(ExecutionKeyConflictError, match="another input"):
            self.check('{"a":1}', '{"a":2}')
