"""Why a value was refused, and where in it.

A refusal is raised at the leaf that is at fault and gathers its path while it unwinds, so that a
value that is accepted pays nothing for it. It never holds content, only types and keys.
"""

from __future__ import annotations

from typing import Any

from durable_django.exceptions import PayloadError

#: Containers inside containers that a codec follows before it gives up, whatever the settings say.
MAX_NESTING = 64

_MAX_KEY_LENGTH = 40
_MAX_SEGMENTS = 12


class Refusal(Exception):  # noqa: N818 -- never leaves the codec, which turns it into a PayloadError
    """A part of a value cannot be encoded or decoded. `problem` continues "<path> …"."""

    def __init__(self, problem: str, *, is_too_deep: bool = False) -> None:
        self.problem = problem
        self.is_too_deep = is_too_deep
        #: (segment, id of the container), innermost first.
        self._trail: list[tuple[str, int]] = []
        super().__init__(problem)

    def passes(self, segment: str, container: object) -> None:
        """Note that the refused part is at `segment` of `container`."""
        self._trail.append((segment, id(container)))

    def to_error(self) -> PayloadError:
        """Return it as the error that callers know."""
        trail = self._trail[::-1]
        first_seen: dict[int, int] = {}
        for index, (_, container) in enumerate(trail if self.is_too_deep else ()):
            if container in first_seen:
                again, origin = _path_of(trail[:index]), _path_of(trail[: first_seen[container]])
                return PayloadError("Value", f"{again} is {origin} again: a value inside itself.")
            first_seen[container] = index
        return PayloadError("Value", f"{_path_of(trail)} {self.problem}")


def refuse_deep_nesting() -> Refusal:
    """Return the refusal of a value that is nested too deep to follow."""
    return Refusal(f"is nested more than {MAX_NESTING} levels deep.", is_too_deep=True)


def segment_of(key: Any) -> str:
    """Return how a dict's key reads in a path."""
    if type(key) is str and key.isidentifier() and len(key) <= _MAX_KEY_LENGTH:
        return f".{key}"
    if isinstance(key, (str, int, float)):
        shown = ascii(key)
        return f"[{shown if len(shown) <= _MAX_KEY_LENGTH else shown[:_MAX_KEY_LENGTH] + '…'}]"
    return f"[<{describe_type(type(key))}>]"


def describe_type(kind: type) -> str:
    """Return a type's name, with its module unless it is a builtin."""
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"


def _path_of(trail: list[tuple[str, int]]) -> str:
    segments = [segment for segment, _ in trail]
    if len(segments) > _MAX_SEGMENTS:
        segments[_MAX_SEGMENTS // 2 : -_MAX_SEGMENTS // 2] = ["…"]
    return "$" + "".join(segments)
