from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import override_settings

from durable_django.api.openapi import generate, to_yaml
from durable_django.api.schema import DOCUMENT
from durable_django.api.urls import ROUTES
from tests.api.stories import ApiClient

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return generate()


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method.upper(), operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_committed_document_is_what_the_code_says(document: dict[str, Any]):
    written = DOCUMENT.read_text("utf-8")

    assert written == to_yaml(document), "Run `python -m durable_django.api`."


def test_it_is_made_whatever_the_projects_settings_are(document: dict[str, Any]):
    rest = {"DEFAULT_SCHEMA_CLASS": "no.such.Schema", "PAGE_SIZE": 3, "URL_FORMAT_OVERRIDE": "f"}
    spectacular = {"TITLE": "Theirs", "OAS_VERSION": "3.0.3", "CAMELIZE_NAMES": True}

    with override_settings(REST_FRAMEWORK=rest, SPECTACULAR_SETTINGS=spectacular):
        assert generate() == document


def test_it_describes_every_line_of_the_url_table(document: dict[str, Any]):
    described = {
        (method, operation["operationId"]) for _, method, operation in operations(document)
    }
    lines = [(route.name, method) for route in ROUTES for method in route.methods]

    assert len(described) == len(lines)


def test_it_is_openapi_3_1_with_problems_for_every_operation(document: dict[str, Any]):
    assert document["openapi"] == "3.1.0"
    for path, method, operation in operations(document):
        answers = operation["responses"]
        problems = [status for status, answer in answers.items() if "Problem" in str(answer)]
        expected = {"400", "406", "429"} | (
            set() if not operation.get("security") else {"401", "403"}
        )
        assert expected <= set(problems), (path, method)
        assert operation["tags"], (path, method)
        assert operation["summary"], (path, method)


def test_bodies_take_no_unknown_member(document: dict[str, Any]):
    bodies = [
        content["schema"]["$ref"].rpartition("/")[2]
        for _, _, operation in operations(document)
        for content in operation.get("requestBody", {}).get("content", {}).values()
        if "$ref" in content["schema"]
    ]

    assert bodies
    for name in bodies:
        assert document["components"]["schemas"][name]["additionalProperties"] is False


@pytest.mark.django_db
def test_it_is_served_to_whoever_is_logged_in_for_the_place_it_is_mounted_at():
    answer = ApiClient().get("schema/")

    assert answer.status_code == 200
    assert answer.json()["servers"] == [{"url": "http://testserver/api/durable"}]
    assert answer.json()["paths"] == yaml.safe_load(DOCUMENT.read_text("utf-8"))["paths"]


def test_nothing_but_its_own_module_needs_drf_spectacular():
    program = (
        "import sys, django; sys.modules['drf_spectacular'] = None; django.setup();"
        "import durable_django.api.urls"
    )

    done = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_a_refusal_of_all_the_rest_of_a_bulk_operation_has_no_id(document: dict[str, Any]):
    refusal = document["components"]["schemas"]["Refusal"]

    assert refusal["properties"]["id"]["type"] == ["string", "null"]
