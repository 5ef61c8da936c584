"""Make the OpenAPI document; `python -m durable_django.api` writes it where it is committed.

Made by drf-spectacular of our own URL table alone, whatever the project's settings for it and for
REST framework are; then committed, and served as it is committed. Nothing else here imports
drf-spectacular, so the API itself does without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.settings import SPECTACULAR_DEFAULTS, patched_settings
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.views import APIView

from durable_django.api.http import problems, schedule_problems, task_problems
from durable_django.api.http.describing import IS_ONCE, OPERATION, Operation
from durable_django.api.http.idempotency import HEADER, MAX_KEY_LENGTH
from durable_django.api.http.query import QueryParameter
from durable_django.api.http.viewset import DurableView
from durable_django.api.schema import DOCUMENT
from durable_django.api.serializers import ProblemSerializer

URLCONF = "durable_django.api.urls"
VERSION = "1"
_JSON = "application/json"
#: What every endpoint may answer.
_ALWAYS = (400, 406, 429, 503)
_CLOSED = (401, 403)
_WITH_BODY = (411, 413, 415)
_ONCE = (409, 422)
_SECURITY: list[dict[str, list[str]]] = [{"session": []}, {"basic": []}]
_SCHEMES = {
    "session": {"type": "apiKey", "in": "cookie", "name": "sessionid"},
    "basic": {"type": "http", "scheme": "basic"},
}
_DESCRIPTION = """\
Durable executions: find, start, steer and follow them.

Who may do what is Django's permissions, and what is out of a user's scope does not exist for them.
How a client logs in is the project's own (`DEFAULT_AUTHENTICATION_CLASSES`): the schemes named here
are the defaults of Django REST framework.
"""


class DurableSchema(AutoSchema):
    """Reads what `describe` attached to a handler."""

    @property
    def _operation(self) -> Operation:
        operation: Operation = getattr(self._handler, OPERATION)
        return operation

    @property
    def _handler(self) -> Any:
        return getattr(self.view, self.method.lower())

    def get_operation_id(self) -> str:
        """Return the id that generated clients call it by."""
        return self._operation.operation_id

    def get_summary(self) -> str:
        """Return what it is for."""
        return self._operation.summary

    def get_description(  # type: ignore[override]  # drf-spectacular's takes nothing, too
        self,
    ) -> str:
        """Return which permissions it needs."""
        needed = [f"`durable_django.{one}`" for one in self._rule.permissions]
        others = [f"`durable_django.{one}`" for one in self._rule.alternatives]
        if others:
            needed.append(" or ".join(others))
        return "Needs " + " and ".join(needed) + "." if needed else ""

    def get_tags(self) -> list[str]:
        """Return the resource it belongs to."""
        return [self._operation.tag]

    def get_auth(self) -> list[dict[str, list[str]]]:
        """Return how a client may log in for it."""
        return [] if self._rule.is_public else _SECURITY

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        """Return what the shape is called; drf-spectacular adds `Request` to a body's."""
        return super().get_serializer_name(serializer, direction).removesuffix("Body")

    def get_request_serializer(self) -> Any:
        """Return the shape of the body; no media types at all if there is none."""
        return self._operation.body or {}

    def get_response_serializers(self) -> Any:
        """Return the answers and the problems."""
        operation = self._operation
        answers: dict[Any, Any] = {}
        for status, body in operation.answers.items():
            media_types = operation.media_types if body is not None else ()
            answers[(status, *media_types) if media_types else status] = body
        for status in sorted(self._problem_statuses()):
            titles = sorted({f"`{one.code}`" for one in _KINDS if one.status == status})
            answers[status, problems.CONTENT_TYPE] = OpenApiResponse(
                ProblemSerializer, description=", ".join(titles)
            )
        return answers

    def get_override_parameters(self) -> Any:
        """Return what may stand in the query and in the headers, and the headers of answers."""
        given = self._own_view.query_parameters if self.method == "GET" else ()
        headers = dict(self._operation.headers)
        return [
            *map(_to_parameter, given),
            *(_header(name, about, {"type": "string"}) for name, about in headers.items()),
            *([_KEY_PARAMETER] if getattr(self._handler, IS_ONCE, False) else []),
            *_response_headers(self._operation, self._problem_statuses()),
        ]

    @property
    def _own_view(self) -> DurableView:
        return cast("DurableView", self.view)

    @property
    def _rule(self) -> Any:
        return self._own_view.rules[self.method]

    def _problem_statuses(self) -> set[int]:
        statuses = {*_ALWAYS, *self._operation.problems}
        if not self._rule.is_public:
            statuses.update(_CLOSED)
        if self._operation.body is not None:
            statuses.update(_WITH_BODY)
        if getattr(self._handler, IS_ONCE, False):
            statuses.update(_ONCE)
        return statuses - set(self._operation.answers)


class _Endpoints(EndpointEnumerator):
    """All our views: they keep out of the project's own document, and are wanted in this one."""

    def should_include_endpoint(self, path: str, callback: Any) -> bool:
        return bool(callback.initkwargs.get("rules"))


class DurableGenerator(SchemaGenerator):
    """Makes the document of our URL table."""

    endpoint_inspector_cls = _Endpoints

    def create_view(self, callback: Any, method: str, request: Any = None) -> APIView:
        """Return the view with our schema, and with the rules of its line of the URL table."""
        own: Any = super()
        view: APIView = own.create_view(callback, method, request)
        schema = DurableSchema()
        schema.view = view
        view.schema = schema
        return view


def generate() -> dict[str, Any]:
    """Return the document.

    Raises:
        ValueError: drf-spectacular warned of something.
    """
    with patched_settings(_settings()):
        generator = cast("Any", DurableGenerator)(urlconf=URLCONF)
        document: dict[str, Any] = generator.get_schema(public=True)
        warned = [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]  # noqa: SLF001
    if warned:
        raise ValueError("\n".join(map(str, warned)))
    return document


def to_yaml(document: Mapping[str, Any]) -> str:
    """Return the document as the committed file has it."""
    renderer: Any = OpenApiYamlRenderer()
    text = str(renderer.render(document, renderer_context={}), "utf-8")
    return "# Written by `python -m durable_django.api`.\n" + text


def close_bodies(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say of bodies that they take no unknown member; a hook of drf-spectacular."""
    for operation in _operations(result):
        content = operation.get("requestBody", {}).get("content", {})
        for media_type in content.values():
            name = media_type["schema"].get("$ref", "").rpartition("/")[2]
            if name:
                result["components"]["schemas"][name]["additionalProperties"] = False
    return result


def drop_marks(result: Any, **_: Any) -> Any:
    """Drop what drf-spectacular leaves at choices for itself; a hook of drf-spectacular."""
    if isinstance(result, dict):
        return {key: drop_marks(part) for key, part in result.items() if key != "x-spec-enum-id"}
    return [drop_marks(part) for part in result] if isinstance(result, list) else result


def share_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say what a problem's answer looks like once for all; a hook of drf-spectacular."""
    shared = result["components"].setdefault("responses", {})
    for operation in _operations(result):
        for status, answer in operation["responses"].items():
            if list(answer.get("content", {})) == [problems.CONTENT_TYPE]:
                shared[f"Problem{status}"] = answer
                operation["responses"][status] = {"$ref": f"#/components/responses/Problem{status}"}
    return result


def write() -> None:
    """Write the committed file."""
    DOCUMENT.write_text(to_yaml(generate()), "utf-8")


def _settings() -> dict[str, Any]:
    fixed = ("DEFAULT_GENERATOR_CLASS",)
    defaults = {
        name: value
        for name, value in SPECTACULAR_DEFAULTS.items()
        if not name.startswith("SERVE_") and name not in fixed
    }
    return defaults | {
        "TITLE": "durable_django",
        "DESCRIPTION": _DESCRIPTION,
        "VERSION": VERSION,
        "OAS_VERSION": "3.1.0",
        "SERVERS": [{"url": "/api/durable"}],
        "SCHEMA_PATH_PREFIX": "/v1",
        "PATH_CONVERTER_OVERRIDES": {"durable_anything": str},
        "COMPONENT_SPLIT_REQUEST": True,
        "COMPONENT_SPLIT_PATCH": False,
        "COMPONENT_NO_READ_ONLY_REQUIRED": False,
        "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
        "POSTPROCESSING_HOOKS": [
            "durable_django.api.openapi.drop_marks",
            "durable_django.api.openapi.close_bodies",
            "durable_django.api.openapi.share_problems",
        ],
        "APPEND_COMPONENTS": {"securitySchemes": _SCHEMES},
    }


def _to_parameter(parameter: QueryParameter) -> OpenApiParameter:
    schema: dict[str, Any] = dict(parameter.schema)
    if parameter.is_repeatable:
        schema = {"type": "array", "items": schema}
    return OpenApiParameter(
        parameter.name, schema, OpenApiParameter.QUERY, description=parameter.description
    )


def _header(name: str, about: str, schema: dict[str, Any], **options: Any) -> OpenApiParameter:
    return OpenApiParameter(name, schema, OpenApiParameter.HEADER, description=about, **options)


def _response_headers(operation: Operation, statuses: set[int]) -> Iterator[OpenApiParameter]:
    if 201 in operation.answers:  # noqa: PLR2004 -- created
        yield _header("Location", "Where it is.", {"type": "string"}, response=[201])
    if 429 in statuses:  # noqa: PLR2004 -- too many requests
        yield _header("Retry-After", "In seconds.", {"type": "string"}, response=[429])
    if 401 in statuses:  # noqa: PLR2004 -- unauthenticated
        yield _header("WWW-Authenticate", "How to log in.", {"type": "string"}, response=[401])


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


_KINDS = [
    one
    for one in {**vars(problems), **vars(task_problems), **vars(schedule_problems)}.values()
    if isinstance(one, problems.ProblemKind)
]
_KEY_PARAMETER = _header(
    HEADER,
    "Makes the request safe to repeat: its first answer is given again, for 24 hours at least.",
    {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH, "pattern": "^[!-~]+$"},
)
