"""The DURABLE setting: one dict, typed defaults, validated once.

`settings()` reads it. A key that does not exist or a value of the wrong type is a
ConfigurationError here and a system check error before that.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, get_args, get_origin, get_type_hints

from django.conf import settings as django_settings
from django.core.signals import setting_changed

from durable_django.exceptions import ConfigurationError

_MORE_THAN_0 = (
    "lease_seconds",
    "tick_seconds",
    "doorbell_seconds",
    "pump_budget_seconds",
    "wedged_after_seconds",
    "heartbeat_seconds",
    "admin_poll_seconds",
)
_0_OR_MORE = (
    "max_recoveries",
    "priority_seconds",
    "pump_slots",
    "pump_linger_seconds",
    "retention_days",
    "admin_default_period_days",
    "rest_max_wait_seconds",
    "unknown_workflow_delay_seconds",
    "unknown_workflow_patience_seconds",
)
_1_OR_MORE = (
    "pump_batch",
    "pump_threads",
    "parallel_threads",
    "max_child_depth",
    "max_payload_bytes",
    "max_payload_depth",
    "admin_bulk_limit",
)


_RATES = ("rest_read_rate", "rest_write_rate", "rest_hook_rate")
_RATE = re.compile(r"[1-9]\d{0,8}/(?:s|sec|second|m|min|minute|h|hour|d|day)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DurableSettings:
    """The keys of `DURABLE`, upper-cased there, with their defaults. Seconds are numbers."""

    #: The database alias that holds the tables; business writes of atomic steps go there too.
    database: str = "default"
    #: The queues that workers of this project serve; workflows may name others for others.
    queues: tuple[str, ...] = ("default",)
    #: The module of each installed app that is imported at start to register workflows.
    workflow_module: str = "workflows"
    #: How long a claim holds unrenewed: a crashed execution is taken up again after that.
    lease_seconds: float = 30.0
    #: Parked as poison after more lost workers in a row than this, without a new checkpoint.
    max_recoveries: int = 10
    #: How much earlier each step of priority lets an execution begin.
    priority_seconds: int = 10
    #: "park" or "warn", or the dotted path of a function of a StepMismatch.
    on_step_mismatch: str = "park"
    #: How long an execution is left alone whose workflow a worker does not know.
    unknown_workflow_delay_seconds: float = 5.0
    #: Parked when its workflow has been unknown for this long.
    unknown_workflow_patience_seconds: float = 86_400.0
    #: The largest payload, in bytes of encoded text.
    max_payload_bytes: int = 262_144
    #: The deepest payload, in levels of lists and objects.
    max_payload_depth: int = 20
    #: Dotted path of a Codec class or factory; empty for tagged JSON.
    codec: str = ""
    #: Fernet keys; the first encrypts, all decrypt. Empty: payloads are stored in the clear.
    encryption_keys: tuple[str, ...] = ()
    #: Whether payloads stored before encryption was turned on are read as well.
    encryption_accepts_plain: bool = False
    #: Dotted path of a Dispatcher class or factory.
    dispatcher: str = "durable_django.dispatchers.django_q.DjangoQDispatcher"
    #: Dotted paths of Observer classes.
    observers: tuple[str, ...] = ()
    #: Dotted path of a function that turns an exception into the message that is stored.
    error_formatter: str = ""
    #: Whether tracebacks are stored with errors; they may hold secrets.
    store_tracebacks: bool = False
    #: How many executions a pump claims at once.
    pump_batch: int = 20
    #: How many threads of a pump run slices.
    pump_threads: int = 4
    #: How many threads a parallel block or a map may use; 1, and SQLite, run one after the other.
    parallel_threads: int = 8
    #: The most ancestors that an execution may have: a workflow that starts itself must end.
    max_child_depth: int = 20
    #: How long one pump task goes on before it makes room for another.
    pump_budget_seconds: float = 2.0
    #: How long a pump waits for what falls due next before it ends.
    pump_linger_seconds: float = 1.0
    #: The most pumps that are rung at once; 0 means as many as the cluster has workers.
    pump_slots: int = 0
    #: The longest time between two looks of the ticker for due work.
    tick_seconds: float = 0.1
    #: After this long a doorbell that was not answered may be rung again.
    doorbell_seconds: float = 5.0
    #: When work is this late and no pump comes, the ticker advances it itself.
    wedged_after_seconds: float = 1.0
    #: Whether workers have schedules tick; off in a copy of production, say.
    run_schedules: bool = True
    #: How often a worker says that it is alive, for people's eyes.
    heartbeat_seconds: float = 5.0
    #: Dotted path of `fn(user, executions) -> executions`: what of the executions a user may see,
    #: in the admin and over REST alike. Empty: all of them, with the permission to view.
    scope: str = ""
    #: Further words in keys whose values are hidden from people, beside the usual secrets.
    redact: tuple[str, ...] = ()
    #: Dotted path of `fn(path, value) -> value`, asked for every value that is shown.
    redactor: str = ""
    #: The most executions the admin acts on while the browser waits; more are done in background.
    admin_bulk_limit: int = 1000
    #: How often the page of a living execution looks for news.
    admin_poll_seconds: float = 3.0
    #: How far back the list of executions looks unless told otherwise; 0 means for ever.
    admin_default_period_days: int = 7
    #: The longest a REST request may wait for news with `?wait=`; each holds a thread. 0: never.
    rest_max_wait_seconds: float = 0.0
    #: Whether every POST over REST must carry an `Idempotency-Key`.
    rest_require_idempotency_key: bool = False
    #: The most reading requests of one user, such as "600/min"; empty: no limit.
    rest_read_rate: str = "600/min"
    #: The most writing requests of one user.
    rest_write_rate: str = "120/min"
    #: The most requests for signed links, for each link and each address.
    rest_hook_rate: str = "30/min"
    #: Keys that sign links: the first signs, all verify. Empty: derived from SECRET_KEY.
    hook_keys: tuple[str, ...] = ()
    #: `durable_prune` deletes executions that ended longer ago than this, in days.
    retention_days: int = 30

    def __post_init__(self) -> None:
        """Refuse values that could not work."""
        # Written so that NaN, which compares with nothing, is refused too.
        refused = [(n, "more than 0") for n in _MORE_THAN_0 if not getattr(self, n) > 0]
        refused += [(n, "0 or more") for n in _0_OR_MORE if not getattr(self, n) >= 0]
        refused += [(n, "1 or more") for n in _1_OR_MORE if getattr(self, n) < 1]
        for name, rule in refused:
            raise ConfigurationError(f"DURABLE[{name.upper()!r}] must be {rule}.")
        for name in _RATES:
            if getattr(self, name) and not _RATE.fullmatch(getattr(self, name)):
                raise ConfigurationError(
                    f"DURABLE[{name.upper()!r}] is a rate such as '600/min' (s, min, hour or day), "
                    f"or empty for no limit; not {getattr(self, name)!r}."
                )
        for pattern in self.redact:
            _check_pattern(pattern)
        if not self.queues:
            raise ConfigurationError("DURABLE['QUEUES'] must name at least one queue.")
        if self.on_step_mismatch not in ("park", "warn") and "." not in self.on_step_mismatch:
            raise ConfigurationError(
                "DURABLE['ON_STEP_MISMATCH'] must be 'park', 'warn' or a function's dotted path."
            )


def parse(raw: Mapping[str, Any]) -> DurableSettings:
    """Return the settings of a DURABLE dict.

    Raises:
        ConfigurationError: A key is unknown or a value has the wrong type; the message names it.
    """
    if not isinstance(raw, Mapping):
        raise ConfigurationError(f"DURABLE is a dict, not {type(raw).__name__}.")
    known = {field.name.upper(): field.name for field in fields(DurableSettings)}
    hints = get_type_hints(DurableSettings)
    values = {}
    for key, value in raw.items():
        if key not in known:
            close = difflib.get_close_matches(str(key).upper(), known, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ConfigurationError(f"DURABLE has no key {key!r}.{hint}")
        values[known[key]] = _checked(key, value, hints[known[key]])
    return DurableSettings(**values)


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ConfigurationError(
            f"DURABLE['REDACT'] holds {pattern!r}, which is no regular expression: {error}."
        ) from error


def _checked(key: str, value: Any, hint: Any) -> Any:
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        if isinstance(value, (list, tuple)) and all(isinstance(v, item) for v in value):
            return tuple(value)
        raise ConfigurationError(f"DURABLE[{key!r}] is a list of {item.__name__}, not {value!r}.")
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    raise ConfigurationError(f"DURABLE[{key!r}] is a {hint.__name__}, not {value!r}.")


@lru_cache(maxsize=1)
def settings() -> DurableSettings:
    """Return the project's settings, read once and again when a test overrides DURABLE.

    Raises:
        ConfigurationError: See `parse`.
    """
    return parse(getattr(django_settings, "DURABLE", {}))


def readable_settings() -> DurableSettings:
    """Return the settings, or the defaults while DURABLE is wrong.

    For what must go on so far that the checks can say what is wrong.
    """
    try:
        return settings()
    except ConfigurationError:
        return DurableSettings()


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "DURABLE":
        settings.cache_clear()


setting_changed.connect(_forget, dispatch_uid="durable_django.conf")
