"""The options of a choice: values, each with a label for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from durable_django.exceptions import DefinitionError

#: Values with their labels, in their order.
Options = tuple[tuple[str, str], ...]


def options_of(options: Iterable[Any]) -> Options:
    """Return the options that are given as values, as pairs with labels, or as one mapping.

    Raises:
        DefinitionError: There is none, one comes twice, or a value is no text.
    """
    given = list(options)
    if len(given) == 1 and isinstance(given[0], Mapping):
        given = list(given[0].items())
    pairs = [_pair(one) for one in given]
    if not pairs:
        raise DefinitionError("A choice needs at least one option.")
    if len({value for value, _ in pairs}) != len(pairs):
        raise DefinitionError("The options of a choice differ from each other.")
    return tuple(pairs)


def to_lists(options: Options) -> list[list[str]]:
    """Return them as JSON, which `options_of` reads."""
    return [list(pair) for pair in options]


def known_value(value: Any, options: Options) -> str:
    """Return the value if it is one of the options'.

    Raises:
        ValueError: It is none; the message is for people.
    """
    for known, _ in options:
        if isinstance(value, str) and value == known:
            return known
    raise ValueError("This is none of the options.")


def _pair(option: Any) -> tuple[str, str]:
    is_pair = isinstance(option, (tuple, list)) and len(option) == 2  # noqa: PLR2004 -- a pair
    value, label = option if is_pair else (option, option)
    if not isinstance(value, str) or not value or "\0" in value:
        raise DefinitionError(f"The value of an option is text, not {value!r:.80}.")
    # The text itself, of a member of an Enum too.
    return str.__str__(value), str(label)
