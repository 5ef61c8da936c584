"""Take in applications and decide them: how business code starts and signals a workflow."""

from __future__ import annotations

from django.db import transaction

from durable_django import client
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.exceptions import ExecutionNotFoundError
from example_project.finance.models import Application
from example_project.finance.workflows import kyc_onboarding


def apply(applicant: str) -> Application:
    """Take in an application: its row and its execution commit together, or neither does."""
    with transaction.atomic():
        application = Application.objects.create(applicant=applicant)
        options = kyc_onboarding.options(key=_key(application), subject=application)
        options.start(application.pk)
    return application


def decide(application: Application, *, approved: bool, reason: str = "") -> None:
    """Tell the workflow what a reviewer decided. A second decision changes nothing.

    Raises:
        ExecutionNotFoundError: It was not taken in by `apply`.
        InvalidTransitionError: Its execution has ended.
    """
    payload = {"approved": approved, "reason": reason}
    load_execution(application).signal("review", payload, dedupe_key="review")


def load_execution(application: Application) -> ExecutionHandle[str]:
    """Return the execution of an application.

    Raises:
        ExecutionNotFoundError: It was not taken in by `apply`.
    """
    execution = client.find(kyc_onboarding.name, _key(application))
    if execution is None:
        raise ExecutionNotFoundError(_key(application))
    return execution


def _key(application: Application) -> str:
    return f"application-{application.pk}"
