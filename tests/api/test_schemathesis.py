"""Thousands of requests, made of the OpenAPI document, by somebody who may do all and by nobody.

No answer may be a fault or say what the document does not, and none that refuses may change a row.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
import yaml
from django.conf import settings
from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection
from django.test import override_settings
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from durable_django import schedules
from durable_django.api.schema import DOCUMENT
from durable_django.domain.identifiers import new_id
from durable_django.models import (
    BulkOperation,
    ExecutionEvent,
    HumanTask,
    HumanTaskCandidate,
    HumanTaskLink,
    IdempotencyRecord,
    Schedule,
    ScheduleTick,
    SignalHook,
    StepCheckpoint,
    Workflow,
    WorkflowExecution,
    WorkflowSignal,
    WorkflowTimer,
    WorkQueue,
)
from durable_django.runtime import engine
from durable_django.testing.driver import DurableDriver
from tests.api.doors import make_user
from tests.api.stories import ALL, FAIL, HIDDEN, NAP, ORDER, WAIT, registered_stories
from tests.control.human_tasks.desk import task

pytestmark = pytest.mark.django_db

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
TABLES = (
    BulkOperation,
    ExecutionEvent,
    HumanTask,
    HumanTaskCandidate,
    HumanTaskLink,
    IdempotencyRecord,
    Schedule,
    ScheduleTick,
    SignalHook,
    StepCheckpoint,
    Workflow,
    WorkflowExecution,
    WorkflowSignal,
    WorkflowTimer,
    WorkQueue,
)
RAW = yaml.safe_load(DOCUMENT.read_text("utf-8"))
OPERATIONS = [(path, method) for path, methods in RAW["paths"].items() for method in methods]
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
CASES = [(path, method, mode) for path, method in OPERATIONS for mode in MODES]
#: Each of what fits the document and of what does not: some 5,000 requests over the three databases,
#: and with `DURABLE_FUZZ=full` more than 20,000 on each.
COUNTS = {"full": (140, 40), "sqlite": (16, 4), "postgresql": (10, 3), "mariadb": (10, 3)}
BY_SOMEBODY, BY_NOBODY = COUNTS[
    "full" if os.environ.get("DURABLE_FUZZ") == "full" else settings.DATABASE
]
NOT_THERE = "00000000-0000-7000-8000-000000000000"
NO_LIMITS = {"REST_READ_RATE": "", "REST_WRITE_RATE": "", "REST_HOOK_RATE": ""}


@pytest.fixture(autouse=True)
def kept_connection() -> Iterator[None]:
    """Keep the test's transaction open over requests, as Django's own test client does."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture(autouse=True)
def world(durable: DurableDriver) -> Iterator[list[str]]:
    """Executions in every status a client can bring about, and no limits."""
    with registered_stories(), override_settings(ALLOWED_HOSTS=["localhost"]):
        started = [(WAIT, {}), (NAP, {}), (FAIL, {}), (ORDER, {"order_id": 1}), (WAIT, {})]
        ids = [engine().start_by_name(name, given).id for name, given in started]
        durable.drain()
        engine().acts.pause(ids[-1])
        for whose in (["user-0"], ["group:hr"], ["user-0"], []):
            task(whose, of=WorkflowExecution.objects.get(pk=ids[0]), key=str(new_id()))
        schedules.create("daily", ORDER, cron="0 9 * * *", input={"order_id": 1})
        schedules.create("hourly", NAP, every=timedelta(hours=1), timezone="Europe/Berlin")
        schedules.trigger("hourly")
        yield [str(one) for one in ids]


def to_schema(ids: list[str]) -> Any:
    """Return the document, with paths that lead somewhere and workflows that can be started."""
    document = deepcopy(RAW)
    known = {
        "execution_id": [*ids, NOT_THERE],
        "task_id": [*map(str, HumanTask.objects.values_list("pk", flat=True)), NOT_THERE],
        "key": ["rest", "prepare", "no such"],
        "name": [ORDER, WAIT, "no.such", "daily", "hourly"],
    }
    for path, methods in document["paths"].items():
        if path.startswith("/v1/queues/"):
            continue  # any text may be the name of a queue
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path" and parameter["name"] in known:
                    parameter["schema"]["enum"] = known[parameter["name"]]
    start = document["components"]["schemas"]["StartRequest"]["properties"]
    start["workflow"]["enum"] = [ORDER, WAIT, NAP, FAIL, HIDDEN, "no.such"]
    for name in ("NewScheduleRequest", "ScheduleChangesRequest"):
        fields = document["components"]["schemas"][name]["properties"]
        fields["workflow"]["enum"] = [NAP, WAIT, HIDDEN, "no.such"]
        fields["cron"]["enum"] = ["0 9 * * *", "*/5 * * * MON", "61 * * * *", ""]
        fields["timezone"]["enum"] = ["UTC", "Europe/Berlin", "Mars/Olympus"]
    limits = document["components"]["schemas"]["QueueLimitsRequest"]["properties"]
    limits["rate"]["enum"] = ["5/min", "1/10s", "0/s", "often", None]
    return schemathesis.openapi.from_dict(document)


def fingerprint() -> str:
    """Return all that is stored."""
    rows = {model.__name__: list(model.objects.order_by("pk").values()) for model in TABLES}
    return json.dumps(rows, default=str, sort_keys=True)


def credentials_of(user: User) -> dict[str, str]:
    user.set_password("secret")
    user.save()
    pair = base64.b64encode(f"{user.username}:secret".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def checks_for(case: Any, status: int) -> list[Any]:
    """Return the checks that say something about such an answer."""
    # 503 is what an installation without workers answers of its health.
    is_health = case.operation.path == "/v1/health/"
    # 412 says that If-Match held the request up before anything else of it was judged.
    passed_over = {not_a_server_error} if is_health else set()
    passed_over |= {negative_data_rejection} if status == 412 else set()
    return [check for check in CHECKS if check not in passed_over]


class Fuzzer:
    """Sends what a strategy makes, and watches the answers and the tables."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.app = WSGIHandler()
        self.headers = headers
        self.sent = 0
        self.stored = fingerprint()
        self.changes = self._count_changes()

    def send(self, case: Any) -> int:
        answer = case.call(app=self.app, headers=self.headers)
        self.sent += 1
        self._check_tables(answer)
        case.validate_response(
            answer, checks=checks_for(case, answer.status_code), transport_kwargs={"app": self.app}
        )
        return int(answer.status_code)

    def _check_tables(self, answer: Any) -> None:
        changes = self._count_changes()
        if changes == self.changes:
            return
        before, self.stored = self.stored, fingerprint()
        # Looking changes nothing, so only writes are counted.
        self.changes = self._count_changes()
        if answer.status_code >= 400:
            assert self.stored == before, f"{answer.status_code} changed rows"

    def _count_changes(self) -> int:
        return int(connection.connection.total_changes)


def fuzz(operation: Any, mode: GenerationMode, count: int, act: Callable[[Any], Any]) -> None:
    @hypothesis_settings(
        max_examples=count,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
        deadline=None,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        act(case)

    try:
        run()
    except Unsatisfiable:
        # There is nothing to be filled in wrongly.
        assert mode is GenerationMode.NEGATIVE


@pytest.mark.parametrize(("path", "method", "mode"), CASES)
def test_whoever_may_do_all_gets_what_the_document_says(
    world: list[str], path: str, method: str, mode: GenerationMode
):
    operation = to_schema(world)[path][method.upper()]
    fuzzer = Fuzzer(credentials_of(make_user(*ALL)))
    statuses = set()

    with override_settings(DURABLE=NO_LIMITS):
        fuzz(operation, mode, BY_SOMEBODY, lambda case: statuses.add(fuzzer.send(case)))

    assert 401 not in statuses


@pytest.mark.parametrize(("path", "method", "mode"), CASES)
def test_nobody_gets_in(world: list[str], path: str, method: str, mode: GenerationMode):
    operation = to_schema(world)[path][method.upper()]
    fuzzer = Fuzzer({})
    statuses = set()

    fuzz(operation, mode, BY_NOBODY, lambda case: statuses.add(fuzzer.send(case)))

    is_open = RAW["paths"][path][method].get("security") is None
    assert is_open or statuses <= {401, 403, 406}
