"""What a legal name is, and where new ids come from.

Ids are UUIDv7: time-ordered, so that new rows land at the end of every index.
"""

from __future__ import annotations

import re
import sys
import uuid
from collections.abc import Collection
from datetime import datetime
from hashlib import sha256

from durable_django.exceptions import DefinitionError

if sys.version_info >= (3, 14):
    from uuid import uuid7 as _uuid7
else:
    from uuid_utils.compat import uuid7 as _uuid7

MAX_NAME_LENGTH = 200
MAX_KEY_LENGTH = 255
#: Shorter than a key: names of slots are made of it, and these are keys.
MAX_QUEUE_LENGTH = 200
#: Letters, digits, `_ . : -` and single spaces inside; nothing a log, a URL or a terminal trips over.
_NAME = re.compile(r"[^\W_](?:[\w.:-]| (?! ))*\Z")
_RESERVED = frozenset("#/~")
_NAMESPACE = uuid.UUID("6f4f6a36-3c0c-4c44-8c0e-2f0d4b8f9a11")


def new_id() -> uuid.UUID:
    """Return a fresh time-ordered id (UUIDv7)."""
    return _uuid7()


def workflow_id(name: str, version: int) -> uuid.UUID:
    """Return the id of a workflow's row: the same in every process, so that nobody looks it up."""
    return uuid.uuid5(_NAMESPACE, f"{name}\n{version}")


def idempotency_key(execution_id: uuid.UUID, step_key: str, redone: int = 0) -> str:
    """Return the key of a step's effect: constant over attempts, crashes and databases.

    `redone` counts how often the step was compensated before: what was undone and is done
    again is a new effect.
    """
    suffix = f"@{redone}" if redone else ""
    return str(uuid.uuid5(execution_id, step_key + suffix))


def check_name(kind: str, name: object) -> str:
    """Return `name` if it is a legal workflow, step, timer or signal name.

    Legal: 1 to 200 characters; letters, digits, `_ . : -` and single inner spaces, starting
    with a letter or digit. `# / ~` are the engine's own.

    Raises:
        DefinitionError: It is not; the message names it and the rule.
    """
    if not isinstance(name, str):
        raise DefinitionError(f"A {kind} name is a string, not {type(name).__name__}.")
    if len(name) <= MAX_NAME_LENGTH and _NAME.match(name) and not name.endswith(" "):
        return name
    shown = name if len(name) <= 60 else f"{name[:60]}…"  # noqa: PLR2004 -- a readable excerpt
    raise DefinitionError(
        f"{shown!r} is not a legal {kind} name: 1 to {MAX_NAME_LENGTH} letters, digits, '_', '.', "
        f"':', '-' or single spaces, starting with a letter or digit."
    )


def check_key(kind: str, key: object) -> str:
    """Return `key` if it is a legal execution key, dedupe key or tag.

    Legal: 1 to 255 printable characters, none of them at the ends a space.

    Raises:
        DefinitionError: It is not; the message names it and the rule.
    """
    return _check_printable(kind, key, MAX_KEY_LENGTH)


def check_queue(queue: object) -> str:
    """Return `queue` if it is a legal queue name.

    Legal: 1 to 200 printable characters, none of them at the ends a space.

    Raises:
        DefinitionError: It is not; the message names it and the rule.
    """
    return _check_printable("queue", queue, MAX_QUEUE_LENGTH)


def _check_printable(kind: str, word: object, most: int) -> str:
    if (
        isinstance(word, str)
        and 0 < len(word) <= most
        and word.isprintable()
        and word == word.strip()
    ):
        return word
    raise DefinitionError(
        f"{word!r:.80} is not a legal {kind}: 1 to {most} printable characters, "
        f"with no space at either end."
    )


def child_id(parent_id: uuid.UUID, call: str, at: datetime) -> uuid.UUID:
    """Return the id of what a call of an execution starts: the same whenever it is asked for.

    It is shaped like a UUIDv7 of the instant, so that it sorts by time as others do.
    """
    digest = sha256(f"{parent_id}/{call}".encode()).digest()
    milliseconds = int(at.timestamp() * 1000)
    value = (milliseconds << 80) | int.from_bytes(digest[:10])
    value = value & ~(0xF << 76) | (0x7 << 76)
    return uuid.UUID(int=value & ~(0x3 << 62) | (0x2 << 62))


def groups_of(call: str) -> list[str]:
    """Return the key of a call, and those of the groups and branches it stands in."""
    parts = call.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def is_or_is_in(key: str, calls: Collection[str]) -> bool:
    """Say whether a key is that of one of the calls, or of one inside them."""
    return any(key == call or key.startswith(f"{call}/") for call in calls)
