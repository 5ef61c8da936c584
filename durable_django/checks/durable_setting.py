"""Check the DURABLE setting by itself: keys, types, paths, keys for encryption, times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning
from django.utils.module_loading import import_string

from durable_django.conf import DurableSettings, parse, settings
from durable_django.exceptions import ConfigurationError

SHORTEST_LEASE_SECONDS = 3.0
#: A lease is renewed after a third of it; a few looks of the ticker must fit in between.
TICKS_PER_LEASE = 10


def check_durable_setting(**_: Any) -> list[CheckMessage]:
    """Report what is wrong in DURABLE, every key of it."""
    wrong = [Error(problem, id="durable_django.E003") for problem in _list_problems()]
    if wrong:
        return [*wrong]
    conf = settings()
    return [*_check_alias(conf), *_check_paths(conf), *_check_keys(conf), *_check_lease(conf)]


def _list_problems() -> Iterator[str]:
    raw = getattr(django_settings, "DURABLE", {})
    pieces = [{key: value} for key, value in raw.items()] if isinstance(raw, Mapping) else [raw]
    for piece in pieces:
        try:
            parse(piece)
        except ConfigurationError as error:
            yield str(error)


def _check_alias(conf: DurableSettings) -> Iterator[CheckMessage]:
    if conf.database not in django_settings.DATABASES:
        yield Error(
            f"DURABLE['DATABASE'] is {conf.database!r}, and DATABASES has no such alias.",
            hint=f"Use one of: {', '.join(map(repr, django_settings.DATABASES))}.",
            id="durable_django.E030",
        )


def _check_paths(conf: DurableSettings) -> Iterator[CheckMessage]:
    paths = [("DISPATCHER", conf.dispatcher), ("CODEC", conf.codec)]
    paths += [("ERROR_FORMATTER", conf.error_formatter)]
    paths += [("SCOPE", conf.scope), ("REDACTOR", conf.redactor)]
    paths += [("OBSERVERS", path) for path in conf.observers]
    if conf.on_step_mismatch not in ("park", "warn"):
        paths.append(("ON_STEP_MISMATCH", conf.on_step_mismatch))
    for key, path in paths:
        try:
            found = import_string(path) if path else None
        except ImportError as error:
            yield Error(
                f"DURABLE[{key!r}]: {path!r} cannot be imported: {error}.",
                hint="Give the dotted path of something that exists: 'package.module.Name'.",
                id="durable_django.E031",
            )
            continue
        if found is not None and not callable(found):
            yield Error(
                f"DURABLE[{key!r}]: {path!r} is no class or function.",
                hint="Give the dotted path of a class or a function.",
                id="durable_django.E031",
            )


def _check_keys(conf: DurableSettings) -> Iterator[CheckMessage]:
    if not conf.encryption_keys:
        return
    try:
        fernet = import_string("cryptography.fernet.Fernet")
    except ImportError:
        yield Error(
            "DURABLE['ENCRYPTION_KEYS'] is set, and the package `cryptography` is not installed.",
            hint="pip install 'durable-django[encryption]'",
            id="durable_django.E008",
        )
        return
    for number, key in enumerate(conf.encryption_keys, start=1):
        try:
            fernet(key)
        except ValueError:
            # Not the key itself: a message ends up in logs.
            yield Error(
                f"DURABLE['ENCRYPTION_KEYS']: key {number} is not a Fernet key.",
                hint="Make one with cryptography.fernet.Fernet.generate_key().decode().",
                id="durable_django.E008",
            )


def _check_lease(conf: DurableSettings) -> Iterator[CheckMessage]:
    shortest = max(SHORTEST_LEASE_SECONDS, TICKS_PER_LEASE * conf.tick_seconds)
    if conf.lease_seconds < shortest:
        yield CheckWarning(
            f"DURABLE['LEASE_SECONDS'] is {conf.lease_seconds:g}: a short stall of a worker loses "
            f"its leases, and the steps it was in run again.",
            hint=f"Use {shortest:g} or more; the default is 30.",
            id="durable_django.W012",
        )
