from __future__ import annotations

import base64
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client, override_settings
from django.urls import include, path, reverse

from durable_django.api import urls
from durable_django.api.http.viewset import DurableView
from durable_django.api.routes import Route, Rule, needs, to_view
from durable_django.api.urls import ROUTES
from durable_django.control.permissions import Permission
from durable_django.models import WorkflowExecution
from tests.api.doors import V1, client_of, make_user
from tests.api.stories import ALL, ApiClient

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE")
LINES = [(route, method) for route in ROUTES for method in sorted(route.methods)]
GUARDED = [(route, method) for route, method in LINES if not route.methods[method].is_public]


def named(line: Any) -> str:
    return line.name if isinstance(line, Route) else str(line)


def path_to(route: Route) -> str:
    return reverse(f"durable-api:{route.name}", kwargs=route.example or None)


def ask(client: Client, method: str, where: str) -> Any:
    return client.generic(method, where, b"{}" if method == "POST" else b"", "application/json")


@pytest.mark.parametrize("route", ROUTES, ids=named)
def test_every_method_a_view_has_is_given_a_rule_and_no_other(route: Route):
    handlers = {
        method.upper() for method in route.view.http_method_names if hasattr(route.view, method)
    }

    assert handlers - {"HEAD"} == set(route.methods)


@pytest.mark.parametrize("route", ROUTES, ids=named)
def test_every_route_can_be_reached_by_its_name(route: Route):
    assert path_to(route).startswith(f"{V1}/")


def test_names_and_paths_are_unique():
    assert len({route.name for route in ROUTES}) == len({route.path for route in ROUTES})
    assert len({route.path for route in ROUTES}) == len(ROUTES)


@pytest.mark.django_db
class TestClosedByDefault:
    """The tests' settings have no REST_FRAMEWORK at all."""

    @pytest.mark.parametrize(("route", "method"), GUARDED, ids=named)
    def test_nobody_gets_in_without_logging_in(self, route: Route, method: str):
        answer = ask(Client(), method, path_to(route))

        assert answer.status_code in (401, 403)
        assert answer.json()["code"] == "not-authenticated"

    @pytest.mark.parametrize(("route", "method"), GUARDED, ids=named)
    def test_the_projects_open_doors_do_not_open_ours(self, route: Route, method: str):
        everything_allowed = {
            "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.BrowsableAPIRenderer"],
            "DEFAULT_THROTTLE_CLASSES": [],
            "EXCEPTION_HANDLER": "tests.api.test_routes.never",
        }

        with override_settings(REST_FRAMEWORK=everything_allowed):
            answer = ask(Client(), method, path_to(route))

        assert answer.status_code in (401, 403)
        assert answer.headers["Content-Type"] == "application/problem+json"

    @pytest.mark.parametrize(("route", "method"), GUARDED, ids=named)
    def test_who_lacks_any_one_permission_gets_403(self, route: Route, method: str):
        for missing in route.methods[method].permissions:
            client = client_of(*(one for one in ALL if one is not missing))

            answer = ask(client, method, path_to(route))

            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), missing

    @pytest.mark.parametrize(("route", "method"), GUARDED, ids=named)
    def test_who_lacks_every_alternative_gets_403(self, route: Route, method: str):
        rule = route.methods[method]
        if not rule.alternatives:
            return
        client = client_of(*(one for one in ALL if one not in rule.alternatives))

        answer = ask(client, method, path_to(route))

        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")

    @pytest.mark.parametrize(("route", "method"), GUARDED, ids=named)
    def test_who_has_them_is_let_in(self, route: Route, method: str):
        rule = route.methods[method]
        client = client_of(*rule.permissions, *rule.alternatives[:1])

        answer = ask(client, method, path_to(route))

        assert answer.status_code not in (401, 403, 405) or method == "POST"
        assert answer.status_code < 500

    @pytest.mark.parametrize(("route", "method"), GUARDED, ids=named)
    def test_who_is_no_longer_active_gets_403(self, route: Route, method: str):
        user = make_user(*ALL)
        client = client_of(user=user)
        user.is_active = False
        user.save()

        assert ask(client, method, path_to(route)).status_code in (401, 403)

    @pytest.mark.parametrize("route", ROUTES, ids=named)
    @pytest.mark.parametrize("method", METHODS)
    def test_other_methods_are_not_allowed_and_tell_nothing(self, route: Route, method: str):
        if method in route.methods or (method == "HEAD" and "GET" in route.methods):
            return

        answer = ask(client_of(*ALL), method, path_to(route))

        assert answer.status_code == 405
        assert set(answer.headers["Allow"].split(", ")) == {
            *route.methods,
            *(["HEAD"] if "GET" in route.methods else []),
        }

    def test_a_view_without_rules_is_nobodys(self, rf: Any):
        class Open(DurableView):
            def get(self, request: Any) -> Any:
                raise AssertionError("let in")

        request = rf.get("/")
        request.user = make_user(*ALL)
        with override_settings(
            REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": [f"{__name__}.As"]}
        ):
            answer = to_view(Open, {})(request)

        assert answer.status_code == 403

    def test_a_rule_for_nobody_in_particular_asks_for_a_login(self, rf: Any):
        class Open(DurableView):
            def get(self, request: Any) -> Any:
                raise AssertionError("let in")

        request = rf.get("/")
        request.user = AnonymousUser()

        assert to_view(Open, {"GET": Rule()})(request).status_code in (401, 403)

    def test_a_post_by_session_needs_the_csrf_token(self):
        client = Client(enforce_csrf_checks=True)
        client.force_login(make_user(*ALL))

        answer = ask(client, "POST", f"{V1}/executions/")

        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert "CSRF" in answer.json()["detail"]
        assert not WorkflowExecution.objects.exists()

    def test_a_name_that_no_database_can_look_for_is_nobodys(self):
        name = base64.b64encode(b"al\0ice:secret").decode()

        answer = Client().get(f"{V1}/executions/", headers={"Authorization": f"Basic {name}"})

        assert answer.status_code in (401, 403)
        assert answer.json()["code"] == "not-authenticated"

    @pytest.mark.parametrize(
        "rest",
        ["", "v1", "v2/", "v1/nothing/", "v1/executions", "v1/%0A/", "v1/a%2F..%2Fb/", "%00", "é"],
    )
    def test_every_other_path_below_is_a_problem_too(self, rest: str):
        nobody = Client().get(f"/api/durable/{rest}")
        somebody = client_of().get(f"/api/durable/{rest}?what=ever")

        assert nobody.status_code in (401, 403)
        assert (somebody.status_code, somebody.json()["code"]) == (404, "not-found")


class As:
    """Logs in whoever the test put on the request."""

    def authenticate(self, request: Any) -> Any:
        return request._request.user, None


def never(error: Exception, context: Any) -> Any:
    raise AssertionError("the project's exception handler was called")


class Nested:
    urlpatterns = (path("deep/", include(([path("d/", include(urls))], "deep"))),)


@pytest.mark.django_db
def test_links_lead_to_where_it_is_mounted():
    with override_settings(ROOT_URLCONF=Nested):
        answer = client_of(Permission.VIEW).get("/deep/d/v1/")

    links = answer.json()["links"]
    assert links["executions"] == "http://testserver/deep/d/v1/executions/"


def test_needs_asks_for_all_it_is_given():
    assert needs(Permission.VIEW, Permission.FORK).permissions == (
        Permission.VIEW,
        Permission.FORK,
    )


@pytest.mark.django_db
def test_index_leads_to_every_collection(alice: ApiClient) -> None:
    links = alice.get(reverse("durable-api:root")).json()["links"]

    collections = {
        route.name
        for route in ROUTES
        if "GET" in route.methods
        and not route.example
        and route.name not in ("root", "health-live")
    }
    assert collections <= set(links)
