"""Hide secrets before a value or a message is shown to anybody.

By the keys (see `sensitive_keys`), at any depth; by what credentials look like, in every text; and
by the project's own `DURABLE["REDACTOR"]`. Nothing here fails because of what it is given.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.utils.module_loading import import_string

from durable_django.conf import settings
from durable_django.control.payloads.credentials import hide_credentials
from durable_django.control.payloads.plain_json import to_plain
from durable_django.control.payloads.sensitive_keys import is_sensitive

logger = logging.getLogger(__name__)

HIDDEN = "•••"

Path = tuple[str, ...]
Hook = Callable[[Path, Any], Any]


def redact(value: Any) -> Any:
    """Return a value as plain JSON with the secrets in it replaced by "•••".

    Takes any Python value, decoded or plain; see `to_plain` for what becomes of it. Everything
    under a sensitive key is hidden as one, unless it is None. Then `DURABLE["REDACTOR"]`, a
    `fn(path, value) -> value`, is given every leaf that is left, with the keys and list indexes
    that lead to it; a leaf for which it raises is hidden.
    """
    return _Redactor(_load_hook()).redact(to_plain(value), ())


def redact_text(text: str) -> str:
    """Return a message with the secrets in it replaced by "•••".

    Hidden are: what follows a sensitive key (`token=…`, `"apiKey": "…"`, `Authorization: Bearer …`),
    the credentials of a URL, bearer tokens, JSON Web Tokens and payment card numbers. In time
    linear in the length of the text.
    """
    return hide_credentials(text, HIDDEN)


class _Redactor:
    """Walks one value. Its depth is bounded: `to_plain` cut it."""

    def __init__(self, hook: Hook | None) -> None:
        self._hook = hook
        self._has_failed = False

    def redact(self, value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return {key: self._redact_item(key, item, path) for key, item in value.items()}
        if isinstance(value, list):
            return [self.redact(item, (*path, str(at))) for at, item in enumerate(value)]
        if isinstance(value, str):
            value = redact_text(value)
        return value if self._hook is None else self._ask(self._hook, value, path)

    def _redact_item(self, key: str, item: Any, path: Path) -> Any:
        if item is not None and is_sensitive(key, is_number=isinstance(item, (int, float))):
            return HIDDEN
        return self.redact(item, (*path, key))

    def _ask(self, hook: Hook, value: Any, path: Path) -> Any:
        try:
            return to_plain(hook(path, value))
        except Exception as error:  # noqa: BLE001 -- the project's own code may raise anything
            if not self._has_failed:
                self._has_failed = True
                # Not the traceback: it may quote the value.
                logger.warning("Redactor failed", extra={"error_type": type(error).__name__})
            return HIDDEN


def _load_hook() -> Hook | None:
    path = settings().redactor
    if not path:
        return None
    try:
        hook: Hook = import_string(path)
    except ImportError:
        logger.exception("Redactor cannot be imported", extra={"path": path})
        return lambda _path, _value: HIDDEN
    return hook
