from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from durable_django.control.figures.bounded import first_id_at
from durable_django.control.finding.matching import Criteria, CriteriaError, made_since, matching
from durable_django.domain.identifiers import new_id, workflow_id
from durable_django.domain.status import ExecutionStatus, ParkReason, WaitKind
from durable_django.models import WorkflowExecution
from durable_django.testing import make_error

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ID = UUID("01a1f812-7f89-7c44-8c0e-2f0d4b8f9a11")
EVERYTHING = Criteria(
    statuses=(ExecutionStatus.FAILED, ExecutionStatus.PARKED),
    workflow="shop.order",
    workflow_prefix="shop.",
    version=3,
    key="order-991",
    key_prefix="order-",
    execution_id=ID,
    tag="eu",
    subject="shop.order:991",
    correlation_id="abc",
    queue="mail",
    park_reason=ParkReason.POISON,
    error_type="shop.CardDeclined",
    waiting_for="paid",
    waiting_kind=WaitKind.SIGNAL,
    has_error=True,
    created_after=NOW - HOUR,
    created_before=NOW,
    finished_after=NOW - HOUR,
    finished_before=NOW,
    forked_from=ID,
    parent=ID,
    is_child=True,
)


def insert(**fields: Any) -> WorkflowExecution:
    facts: dict[str, Any] = {
        "id": new_id(),
        "workflow_name": "shop.order",
        "workflow_version": 1,
        "created_at": NOW,
        "updated_at": NOW,
        **fields,
    }
    facts["workflow_id"] = workflow_id(facts["workflow_name"], facts["workflow_version"])
    return WorkflowExecution.objects.create(**facts)


def found(criteria: Criteria) -> set[WorkflowExecution]:
    return set(matching(WorkflowExecution.objects.all(), criteria))


_KEYS = st.sampled_from(sorted(EVERYTHING.to_json())) | st.text()


class TestCriteria:
    def test_all_of_them_go_to_json_and_back(self):
        text = json.dumps(EVERYTHING.to_json())

        assert Criteria.from_json(json.loads(text)) == EVERYTHING
        assert set(json.loads(text)) == set(Criteria.__dataclass_fields__)

    def test_what_is_not_given_is_not_written(self):
        assert Criteria().to_json() == {}
        assert Criteria(has_error=False).to_json() == {"has_error": False}

    @pytest.mark.parametrize(
        ("value", "key"),
        [
            ([], ""),
            ("status:failed", ""),
            (None, ""),
            ({"colour": "red"}, "colour"),
            ({"statuses": "failed"}, "statuses"),
            ({"statuses": []}, "statuses"),
            ({"statuses": ["bogus"]}, "statuses"),
            ({"statuses": [["failed"]]}, "statuses"),
            ({"workflow": ""}, "workflow"),
            ({"workflow": 7}, "workflow"),
            ({"workflow": None}, "workflow"),
            ({"workflow": "x" * 201}, "workflow"),
            ({"key": "a\x00b"}, "key"),
            ({"key_prefix": "\ud800"}, "key_prefix"),
            ({"tag": ["eu"]}, "tag"),
            ({"version": "3"}, "version"),
            ({"version": True}, "version"),
            ({"version": 0}, "version"),
            ({"version": 2**31}, "version"),
            ({"version": 3.0}, "version"),
            ({"execution_id": "order-991"}, "execution_id"),
            ({"execution_id": 5}, "execution_id"),
            ({"forked_from": {}}, "forked_from"),
            ({"park_reason": "tired"}, "park_reason"),
            ({"waiting_kind": ""}, "waiting_kind"),
            ({"has_error": 1}, "has_error"),
            ({"has_error": "yes"}, "has_error"),
            ({"created_after": "yesterday"}, "created_after"),
            ({"created_after": "2026-01-01T00:00:00"}, "created_after"),
            ({"created_before": "0001-01-01T00:00:00+14:00"}, "created_before"),
            ({"finished_before": "9999-12-31T23:59:59-14:00"}, "finished_before"),
            ({"finished_after": 1767225600}, "finished_after"),
        ],
        ids=lambda value: value if isinstance(value, str) else ascii(value)[:40],
    )
    def test_anything_else_is_refused_by_name(self, value: object, key: str):
        with pytest.raises(CriteriaError) as refusal:
            Criteria.from_json(value)

        assert refusal.value.key == key
        assert key in str(refusal.value)
        assert str(refusal.value).isprintable()

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(_KEYS, inner),
        )
    )
    def test_no_json_raises_anything_but_a_refusal(self, value: object):
        try:
            Criteria.from_json(value)
        except CriteriaError as refusal:
            assert str(refusal)  # noqa: PT017 -- it may, but need not, be refused

    def test_wrong_types_in_code_are_refused_too(self):
        with pytest.raises(CriteriaError, match="statuses"):
            Criteria(statuses=("failed",))  # type: ignore[arg-type]
        with pytest.raises(CriteriaError, match="time zone"):
            Criteria(created_after=datetime(2026, 1, 1))  # noqa: DTZ001 -- that is the mistake

    def test_narrowing_asks_for_both(self):
        some = Criteria(statuses=(ExecutionStatus.FAILED, ExecutionStatus.PARKED), key="a")

        both = some.narrowed_by(Criteria(statuses=(ExecutionStatus.FAILED,), queue="mail"))

        assert both == Criteria(statuses=(ExecutionStatus.FAILED,), key="a", queue="mail")

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (Criteria(key="a"), Criteria(key="b")),
            (Criteria(has_error=True), Criteria(has_error=False)),
            (
                Criteria(statuses=(ExecutionStatus.FAILED,)),
                Criteria(statuses=(ExecutionStatus.PARKED,)),
            ),
        ],
        ids=["key", "flag", "statuses"],
    )
    def test_narrowing_refuses_a_contradiction(self, one: Criteria, other: Criteria):
        with pytest.raises(CriteriaError):
            one.narrowed_by(other)

    def test_an_id_a_key_and_a_subject_name_something(self):
        assert Criteria(execution_id=ID).names_something
        assert Criteria(key_prefix="order").names_something
        assert Criteria(subject="shop.order:1").names_something
        assert not Criteria(tag="eu", statuses=(ExecutionStatus.FAILED,)).names_something


@pytest.mark.django_db
class TestMatching:
    def test_no_criteria_match_everything(self):
        rows = {insert(), insert(status="failed")}

        assert found(Criteria()) == rows

    @pytest.mark.parametrize(
        ("fields", "criteria"),
        [
            ({"status": "failed"}, Criteria(statuses=(ExecutionStatus.FAILED,))),
            (
                {"status": "failed"},
                Criteria(statuses=(ExecutionStatus.FAILED, ExecutionStatus.PARKED)),
            ),
            ({"workflow_name": "hr.onboard"}, Criteria(workflow="hr.onboard")),
            ({"workflow_name": "hr.onboard"}, Criteria(workflow_prefix="hr.")),
            ({"workflow_version": 2}, Criteria(version=2)),
            ({"key": "order-991"}, Criteria(key="order-991")),
            ({"key": "order-991"}, Criteria(key_prefix="order-9")),
            ({"key": "order-991"}, Criteria(key_prefix="order-991")),
            ({"id": ID}, Criteria(execution_id=ID)),
            ({"tags": ["us", "eu"]}, Criteria(tag="eu")),
            ({"subject": "shop.order:991"}, Criteria(subject="shop.order:991")),
            ({"correlation_id": "abc"}, Criteria(correlation_id="abc")),
            ({"queue": "mail"}, Criteria(queue="mail")),
            (
                {"status": "parked", "park_reason": "poison"},
                Criteria(park_reason=ParkReason.POISON),
            ),
            ({"error": make_error().to_text()}, Criteria(has_error=True)),
            ({"error": make_error().to_text()}, Criteria(error_type="shop.CardDeclined")),
            ({"error": make_error().to_text()}, Criteria(error_type="CardDeclined")),
            pytest.param(
                {"error": make_error(message="").to_text()},
                Criteria(error_type="CardDeclined"),
                id="an error that says nothing",
            ),
            (
                {"status": "suspended", "waiting_kind": "signal", "waiting_for": "paid"},
                Criteria(waiting_for="paid"),
            ),
            (
                {"status": "suspended", "waiting_kind": "retry", "waiting_for": "paid"},
                Criteria(waiting_kind=WaitKind.RETRY),
            ),
            (
                {"id": first_id_at(NOW + HOUR), "created_at": NOW + HOUR},
                Criteria(created_after=NOW + HOUR),
            ),
            (
                {"id": first_id_at(NOW - HOUR), "created_at": NOW - HOUR},
                Criteria(created_before=NOW),
            ),
            ({"finished_at": NOW}, Criteria(finished_after=NOW)),
            ({"finished_at": NOW}, Criteria(finished_before=NOW + HOUR)),
            ({"forked_from": ID}, Criteria(forked_from=ID)),
        ],
        ids=lambda value: (
            ascii(sorted(value)) if isinstance(value, dict) else ascii(value.to_json())
        ),
    )
    def test_each_criterion_finds_its_own_and_no_other(
        self, fields: dict[str, Any], criteria: Criteria
    ):
        wanted = insert(**fields)
        insert(
            id=first_id_at(NOW),
            workflow_name="shop.refund",
            key="other-1",
            tags=["euro", "e"],
            subject="shop.order:99",
            correlation_id="abcd",
            status="running",
            waiting_for="paid",
        )

        assert found(criteria) == {wanted}

    def test_criteria_must_all_be_fulfilled(self):
        insert(key="a", queue="mail", status="failed")
        wanted = insert(key="b", queue="mail", status="failed")
        insert(key="b2", queue="mail", status="completed")

        assert found(
            Criteria(key_prefix="b", queue="mail", statuses=(ExecutionStatus.FAILED,))
        ) == {wanted}

    def test_there_are_executions_without_an_error(self):
        insert(error=make_error().to_text())
        wanted = insert()

        assert found(Criteria(has_error=False)) == {wanted}

    def test_order_of_the_executions_stays(self):
        rows = [insert(key=f"k{number}") for number in range(3)]

        ordered = matching(WorkflowExecution.objects.order_by("-id"), Criteria(key_prefix="k"))

        assert list(ordered) == rows[::-1]

    @pytest.mark.parametrize(
        "field", ["key", "subject", "correlation_id", "queue", "tag", "workflow", "error_type"]
    )
    @pytest.mark.parametrize(
        ("value", "other"), [("Order-1", "order-1"), ("cafe", "café"), ("a%", "ab"), ("a_b", "aXb")]
    )
    def test_text_is_compared_to_the_letter(self, field: str, value: str, other: str):
        column = {"workflow": "workflow_name"}.get(field, field)

        def store(text: str) -> WorkflowExecution:
            if field == "tag":
                return insert(tags=[text])
            if field == "error_type":
                return insert(error=make_error(type=text).to_text())
            return insert(**{column: text})

        wanted = store(value)
        store(other)

        assert found(Criteria(**{field: value})) == {wanted}

    def test_an_error_in_the_message_of_another_is_not_taken_for_it(self):
        quoted = make_error(type="b.Y", message='{"type": "a.X", "message": "')
        insert(error=quoted.to_text())
        insert(error=make_error(type="ba.X").to_text())
        insert(error=make_error(type="a.XY").to_text())

        assert found(Criteria(error_type="a.X")) == set()

    def test_a_word_that_it_waited_for_last_does_not_count_while_it_runs(self):
        insert(status="running", waiting_for="paid", waiting_kind="")

        assert found(Criteria(waiting_for="paid")) == set()

    def test_ids_made_by_a_clock_that_is_wrong_are_found_by_when_they_were_created(self):
        late_clock = insert(id=first_id_at(NOW - HOUR / 2), created_at=NOW)
        insert(id=first_id_at(NOW + HOUR / 2), created_at=NOW - HOUR / 4)

        assert found(Criteria(created_after=NOW, created_before=NOW + HOUR)) == {late_clock}

    def test_made_since_goes_by_the_id(self):
        insert(id=first_id_at(NOW - timedelta(milliseconds=2)))
        wanted = insert(id=first_id_at(NOW))

        assert set(made_since(WorkflowExecution.objects.all(), NOW)) == {wanted}


KEYS = (
    "order-1",
    "Order-1",
    "ORDER-1",
    "order_1",
    "orderX1",
    "order%1",
    "order 1",
    "order",
    "ordem",
    "ordes",
    "çedilla",
    "cedilla",
    "Ångström",
    "ångström",
    "a\u0301b",
    "áb",
    "straße",
    "strasse",
    "日本",
    "日本語",
    "\ud7ff-last-before-the-surrogates",
    "\ue000-first-after-the-surrogates",
    "\U0010ffff",
    "\U0010ffff\U0010ffff",
    "\U0010ffffa",
    "back\\slash",
    "quote'",
    "ch",
    "cz",
)


@pytest.mark.django_db
class TestPrefixes:
    @pytest.fixture(autouse=True)
    def rows(self) -> None:
        for key in KEYS:
            insert(key=key)

    @pytest.mark.parametrize(
        "prefix",
        [
            "order", "Order", "order-", "order_", "order%", "order ", "o", "c", "ch", "ç", "Å", "a",
            "á", "stra", "straß", "日", "日本", "\ud7ff", "\U0010ffff", "back\\", "quote'", "%", "_",
            "nothing begins so",
        ],
        ids=ascii,
    )  # fmt: skip
    def test_keys_are_found_by_how_they_begin_to_the_letter(self, prefix: str):
        rows = self._found(prefix)

        assert rows == {key for key in KEYS if key.startswith(prefix)}

    @pytest.mark.parametrize("prefix", ["order", "Order-", "c", "日本", "a", "ç"])
    def test_collation_of_the_database_does_not_matter(self, prefix: str):
        if connection.vendor != "postgresql":
            pytest.skip("only PostgreSQL's order of text is the database's")
        self._sort_as_english()

        assert self._found(prefix) == {key for key in KEYS if key.startswith(prefix)}

    def test_index_answers_for_a_prefix(self):
        if connection.vendor == "postgresql":
            self._index_patterns()
        rows = matching(WorkflowExecution.objects.all(), Criteria(key_prefix="order-"))

        plan = rows.only("pk").explain()

        assert "durable_execution_by_key" in plan

    def _found(self, prefix: str) -> set[str | None]:
        rows = matching(WorkflowExecution.objects.all(), _prefix(prefix))
        return set(rows.values_list("key", flat=True))

    def _index_patterns(self) -> None:
        # The plain index serves LIKE in the collations "C" and "POSIX" alone.
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(
                "CREATE INDEX durable_execution_by_key_pattern"
                " ON durable_django_workflowexecution (execution_key varchar_pattern_ops)"
            )
            cursor.execute("SET LOCAL enable_seqscan = off")

    def _sort_as_english(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(
                "ALTER TABLE durable_django_workflowexecution ALTER COLUMN execution_key"
                ' TYPE varchar(255) COLLATE "en-US-x-icu"'
            )


@pytest.mark.django_db
def test_matching_is_one_statement_that_joins_nothing():
    criteria = Criteria.from_json(EVERYTHING.to_json())

    with CaptureQueriesContext(connection) as queries:
        list(matching(WorkflowExecution.objects.all(), criteria))

    assert len(queries) == 1
    assert "JOIN" not in queries[0]["sql"]


def test_an_instant_may_come_in_any_zone():
    there = NOW.astimezone(timezone(timedelta(hours=5)))

    read = Criteria.from_json({"created_after": there.isoformat()})

    assert read.created_after == NOW


def _prefix(prefix: str) -> Criteria:
    criteria = Criteria(key_prefix="x")
    # Some of these are not printable, so that nobody can ask for them; the comparison holds.
    object.__setattr__(criteria, "key_prefix", prefix)
    return criteria
