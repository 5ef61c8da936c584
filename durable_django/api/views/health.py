"""Whether everything works, for load balancers, probes and people.

`/health/` tells everybody no more than `ok` or `degraded`; the checks are for who may view
executions. `/health/live/` asks nothing but whether this process answers.
"""

from __future__ import annotations

from typing import Any

from django.db import Error as AnyDatabaseError
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from durable_django.api.http.describing import describe
from durable_django.api.http.viewset import DurableView
from durable_django.api.representing import instant
from durable_django.control.health.report import HealthReport, HealthStatus, health_report
from durable_django.control.permissions import Permission, allows
from durable_django.control.scope import visible_executions

_HTTP_STATUS = {HealthStatus.OK: 200, HealthStatus.DEGRADED: 503}


class CheckSerializer(serializers.Serializer[Any]):
    """One thing that was looked at."""

    name = serializers.CharField()
    ok = serializers.BooleanField()
    level = serializers.ChoiceField(choices=["ok", "warning", "error"])
    summary = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)
    remedy = serializers.CharField(allow_blank=True)


class HealthSerializer(serializers.Serializer[Any]):
    """How the installation is; `checks` and `checked_at` only for who may view executions."""

    status = serializers.ChoiceField(choices=[status.value for status in HealthStatus])
    checked_at = serializers.DateTimeField(required=False)
    checks = CheckSerializer(many=True, required=False)


class LiveSerializer(serializers.Serializer[Any]):
    """This process answers."""

    status = serializers.ChoiceField(choices=["ok"])


class HealthView(DurableView):
    """How the installation is."""

    @describe(
        operation_id="health_retrieve",
        summary="Whether everything works; with the permission to view, what does not and why.",
        tag="reports",
        answers={200: HealthSerializer, 503: HealthSerializer},
    )
    def get(self, request: Request) -> Response:
        """Look, and answer 503 if something is broken."""
        user: Any = request.user
        if not (user.is_authenticated and allows(user, Permission.VIEW)):
            status = health_report().status
            return _answer(status, {"status": str(status)})
        # Of others' executions a user does not even learn how many there are.
        report = health_report(visible_executions(user))
        return _answer(report.status, _represent(report))

    def handle_exception(self, exc: Exception) -> Response:
        """Answer as ever if it is the database that does not, even for who is logged in."""
        if isinstance(exc, AnyDatabaseError):
            degraded = HealthStatus.DEGRADED
            return _answer(degraded, {"status": str(degraded)})
        return super().handle_exception(exc)


class LiveView(DurableView):
    """Whether this process answers: no database, no cache, no login."""

    def get_throttles(self) -> list[BaseThrottle]:
        """Return none: they ask the cache."""
        return []

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Return none: looking at a session would ask the database."""
        return []

    @describe(
        operation_id="health_live",
        summary="Whether this process answers.",
        tag="reports",
        answers={200: LiveSerializer},
    )
    def get(self, request: Request) -> Response:
        """Answer."""
        return Response({"status": "ok"}, headers={"Cache-Control": "no-store"})


def _answer(status: HealthStatus, body: dict[str, Any]) -> Response:
    return Response(body, status=_HTTP_STATUS[status], headers={"Cache-Control": "no-store"})


def _represent(report: HealthReport) -> dict[str, Any]:
    return {
        "status": str(report.status),
        "checked_at": instant(report.checked_at),
        "checks": [
            {
                "name": check.code,
                "ok": check.ok,
                "level": str(check.level),
                "summary": check.summary,
                "detail": check.detail,
                "remedy": check.remedy,
            }
            for check in report.checks
        ],
    }
