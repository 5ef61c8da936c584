"""Codec: payloads to text and back."""

from __future__ import annotations

from typing import Any, Protocol


class Codec(Protocol):
    """Turns a value into text that a database column holds, and back into an equal value.

    What `decode(encode(value))` returns is what workflow code sees, on the first run as on replay.
    """

    def encode(self, value: Any) -> str:
        """Return `value` as text.

        Raises:
            PayloadError: The value (its type, or something inside it) cannot be stored.
        """

    def decode(self, text: str) -> Any:
        """Return the value that `encode` was given.

        Raises:
            PayloadError: The text is not this codec's, is damaged, or names a class that is
                not loaded here.
        """
