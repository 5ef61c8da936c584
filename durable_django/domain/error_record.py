"""What is stored of an error: text, never an object, and never a class to import."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

MAX_MESSAGE_LENGTH = 1000
MAX_TRACEBACK_LENGTH = 16_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRecord:
    """An error as people and replay see it."""

    #: Class name, with its module unless it is a builtin or our own.
    type: str
    message: str
    traceback: str = ""
    #: The encoded `args`, if the error is a business outcome that replay raises again.
    args: str = ""
    #: What the failure was, where the type alone does not say: `timeout`, `unknown_outcome`, …
    code: str = ""
    attempts: int = 1
    #: The key of the durable call whose failure ended the execution: what a retry does again.
    call: str = ""
    #: Of an execution parked while it undid its steps: the record, as text, of why it undid them.
    undone_for: str = ""

    def to_text(self) -> str:
        """Return it as ASCII JSON."""
        return json.dumps(
            {k: v for k, v in asdict(self).items() if v not in ("", 1)}
            | {"type": self.type, "message": self.message}
        )

    @classmethod
    def from_text(cls, text: str) -> ErrorRecord:
        """Read what `to_text` wrote; any other text becomes the message."""
        try:
            record = cls(**json.loads(text))
        except (ValueError, TypeError, RecursionError):
            return cls(type="Error", message=text)
        return record if record._is_sound() else cls(type="Error", message=text)

    def _is_sound(self) -> bool:
        """Say whether every field is of its type: who reads a record counts on it."""
        values = asdict(self)
        return isinstance(values.pop("attempts"), int) and all(
            isinstance(value, str) for value in values.values()
        )

    def __str__(self) -> str:
        """Return `Type: message`."""
        return f"{self.type}: {self.message}" if self.message else self.type
