from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from durable_django.codecs.tagged_json import TaggedJsonCodec
from durable_django.domain.definition import WorkflowDefinition
from durable_django.domain.status import Guarantee
from durable_django.engine.serialization import Payloads
from durable_django.engine.starting import check_options, check_same_start, new_execution
from durable_django.engine.workflow_function import StartOptions
from durable_django.exceptions import DefinitionError, ExecutionKeyConflictError, PayloadError
from durable_django.testing import make_execution, make_new_execution

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
payloads = Payloads(TaggedJsonCodec())


def definition(**fields):
    return WorkflowDefinition(name="shop.order", version=2, body=lambda ctx: ctx, **fields)


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

    def test_another_input(self):
        with pytest.raises(ExecutionKeyConflictError, match="another input"):
            self.check('{"a":1}', '{"a":2}')
