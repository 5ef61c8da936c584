"""Check django-q2's settings, as far as they carry our hints. Reads `Q_CLUSTER`; imports nothing.

Importing `django_q.conf` would itself warn about what is checked here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Info
from django.core.checks import Warning as CheckWarning

from durable_django.conf import DurableSettings, readable_settings

DJANGO_Q_DISPATCHER = "durable_django.dispatchers.django_q.DjangoQDispatcher"
DEFAULT_RETRY_SECONDS = 60
DEFAULT_SAVE_LIMIT = 250


def check_cluster(**_: Any) -> list[CheckMessage]:
    """Report what is wrong in the cluster's settings; nothing if another dispatcher is used."""
    conf = readable_settings()
    if conf.dispatcher != DJANGO_Q_DISPATCHER:
        return []
    if not apps.is_installed("django_q"):
        return [
            Error(
                "'django_q' is not in INSTALLED_APPS, and DURABLE['DISPATCHER'] needs it.",
                hint="Add 'django_q', or set DISPATCHER to "
                "'durable_django.dispatchers.null.NullDispatcher' and run `durable_worker`.",
                id="durable_django.E001",
            )
        ]
    cluster = getattr(django_settings, "Q_CLUSTER", None)
    if not isinstance(cluster, Mapping) or not cluster:
        return [
            Error(
                "Q_CLUSTER is not set: django-q2 would look for Redis, with no timeout.",
                hint=f"Q_CLUSTER = {{'name': 'project', 'orm': {conf.database!r}, 'timeout': 60, "
                f"'retry': 90, 'poll': 0.05, 'save_limit': -1}}",
                id="durable_django.E002",
            )
        ]
    return [*_check_times(cluster), *_check_broker(cluster, conf), *_check_pace(cluster)]


def _check_times(cluster: Mapping[str, Any]) -> Iterator[CheckMessage]:
    timeout, retry = cluster.get("timeout"), cluster.get("retry", DEFAULT_RETRY_SECONDS)
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int)):
        yield Error(
            f"Q_CLUSTER['timeout'] is {timeout!r}: a task without a timeout of its own fails, "
            f"because the alarm takes whole seconds only.",
            hint="Use a whole number, such as 60.",
            id="durable_django.E011",
        )
        return
    if not timeout or not isinstance(retry, (int, float)) or retry <= timeout:
        yield CheckWarning(
            f"Q_CLUSTER['retry'] ({retry!r}) is not longer than 'timeout' ({timeout!r}): tasks "
            f"that still run are handed out again.",
            hint="Set both, retry the longer: 'timeout': 60, 'retry': 90.",
            id="durable_django.W011",
        )


def _check_broker(cluster: Mapping[str, Any], conf: DurableSettings) -> Iterator[CheckMessage]:
    broker = cluster.get("orm")
    if broker is not None and broker != conf.database:
        yield CheckWarning(
            f"Q_CLUSTER['orm'] is {broker!r} and DURABLE['DATABASE'] is {conf.database!r}: with a "
            f"broker on another alias, async_task() inside atomic() closes the caller's "
            f"connection, and what it wrote is lost.",
            hint=f"Set 'orm': {conf.database!r}, or call async_task() only in on_commit().",
            id="durable_django.W013",
        )
    if cluster.get("sync") and not _is_testing():
        yield CheckWarning(
            "Q_CLUSTER['sync'] is on: starting a workflow blocks until its steps have run, in the "
            "caller's process.",
            hint="Remove it outside tests.",
            id="durable_django.W017",
        )


def _check_pace(cluster: Mapping[str, Any]) -> Iterator[CheckMessage]:
    limit = cluster.get("save_limit", DEFAULT_SAVE_LIMIT)
    if isinstance(limit, int) and limit >= 0:
        yield Info(
            f"Q_CLUSTER['save_limit'] is {limit}: django-q2 reads up to that many rows under lock "
            f"after each of your own tasks (measured: 90 tasks a second, against 666 without). "
            f"Ours are not saved.",
            hint="Use 'save_limit': -1, unless you look at finished tasks.",
            id="durable_django.I033",
        )


def _is_testing() -> bool:
    return "PYTEST_VERSION" in os.environ or sys.argv[1:2] == ["test"]
