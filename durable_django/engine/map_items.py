"""The items of a map: what tells them apart, and what is recorded of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.status import CheckpointKind
from durable_django.engine.records import Call, counts
from durable_django.engine.replay import MAX_KEY_LENGTH
from durable_django.engine.slice_state import SliceState
from durable_django.exceptions import DefinitionError

_LONGEST_KEY = 100


def keys_of(name: str, items: Sequence[Any], key: Callable[[Any], object] | None) -> list[str]:
    """Return the items' keys: what makes each of them the same item on every replay.

    Raises:
        DefinitionError: Two items have one key, or items have none by themselves.
    """
    keys = [_key_of(name, item, key) for item in items]
    if len(set(keys)) < len(keys):
        seen: set[str] = set()
        twice = next(one for one in keys if one in seen or seen.add(one))  # type: ignore[func-returns-value]
        raise DefinitionError(
            f"Map {name!r} has two items with the key {twice!r}: give key= a function that tells "
            f"them apart."
        )
    return keys


def _key_of(name: str, item: Any, key: Callable[[Any], object] | None) -> str:
    found = item if key is None else key(item)
    if isinstance(found, bool) or not isinstance(found, str | int | UUID):
        raise DefinitionError(
            f"Map {name!r}: an item's key is a text, a whole number or a UUID, not "
            f"{type(found).__name__}. Give key= a function of the item that returns one."
        )
    text = str(found)
    is_plain = text.isprintable() and text == text.strip() and not set("/|~") & set(text)
    if 0 < len(text) <= _LONGEST_KEY and is_plain:
        return text
    # Whatever it is, it must not look like a branch, nor be too long for the column; and some
    # databases do not see a space at the end.
    return f"~{sha256(text.encode()).hexdigest()[:32]}"


def check_lengths(call: Call, keys: Sequence[str]) -> None:
    """Refuse items whose steps would have keys too long.

    Raises:
        DefinitionError: The names of the branches the map is in leave too little room.
    """
    longest = max(map(len, keys), default=0)
    if len(call.key) + 1 + longest > MAX_KEY_LENGTH:
        raise DefinitionError(
            f"The items of map {call.key!r:.80}… have keys too long: the names of the map, of the "
            f"branches it is in and of an item have {MAX_KEY_LENGTH} characters together at most."
        )


def load_items(state: SliceState, call: Call, keys: Sequence[str]) -> list[Call]:
    """Return the calls of these items, each with what is recorded of it, in their order."""
    full = [f"{call.key}/{key}" for key in keys]
    rows = state.write(state.needs.store.list_items, state.execution_id, full)
    history: dict[str, list[Checkpoint]] = {}
    for row in rows:
        history.setdefault(row.key, []).append(row)
    since, epoch = state.replay.records.since, state.execution.epoch
    return [
        Call(
            key=key,
            name=call.name,
            position=call.position,
            kind=CheckpointKind.ITEM,
            history=list(history.get(key, ())),
            attempts=[row for row in history.get(key, ()) if counts(row, since, epoch)],
        )
        for key in full
    ]
