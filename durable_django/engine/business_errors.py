"""Errors that a step names as business outcomes: stored as text, raised again as themselves.

The class comes from the code's own tuple, never from what the database says.
"""

from __future__ import annotations

from typing import Any

from durable_django.domain.error_record import ErrorRecord
from durable_django.engine.error_recorder import ErrorRecorder, class_name
from durable_django.engine.serialization import Payloads
from durable_django.exceptions import PayloadError

_PREFIX = "business:"


class BusinessErrors:
    """Records business errors and raises them again, the same live and on replay."""

    def __init__(self, errors: ErrorRecorder, payloads: Payloads) -> None:
        self._errors = errors
        self._payloads = payloads

    def record(
        self, error: Exception, raises: tuple[type[Exception], ...], *, attempts: int
    ) -> ErrorRecord:
        """Return what is stored of an error that is an instance of a class in `raises`."""
        # Named itself, if it is; a base that stands before it in the tuple is not what it is.
        fitting = [cls for cls in raises if isinstance(error, cls)]
        named = type(error) if type(error) in fitting else fitting[0]
        return self._errors.record(
            error,
            code=_PREFIX + class_name(named),
            attempts=attempts,
            args="" if self._errors.redacts else self._encode_state(error),
        )

    def rebuild(self, record: ErrorRecord, raises: tuple[type[Exception], ...]) -> Exception | None:
        """Return the error that `record` tells of, if the code still names its class; else None.

        An instance of a subclass comes back as the class that was named. Its `args` and
        attributes are what was stored; of what is no JSON, the `args` become the message and an
        attribute is left out. With an `error_formatter` nothing but its message is stored.
        """
        if not record.code.startswith(_PREFIX):
            return None
        named_as = record.code.removeprefix(_PREFIX)
        for named in raises:
            if class_name(named) == named_as:
                return self._build(named, record)
        return None

    def _build(self, cls: type[Exception], record: ErrorRecord) -> Exception:
        args, attributes = self._decode_state(record)
        error = _construct(cls, args)
        error.__dict__.update(attributes)
        return error

    def _encode_state(self, error: Exception) -> str:
        args = list(error.args)
        attributes = {
            name: value for name, value in vars(error).items() if self._find_text(value) is not None
        }
        return self._find_text([args, attributes]) or self._find_text([None, attributes]) or ""

    def _find_text(self, value: object) -> str | None:
        try:
            return self._payloads.encode(value, "State of a business error")
        except Exception:  # noqa: BLE001 -- an error is recorded, with as much as can be
            return None

    def _decode_state(self, record: ErrorRecord) -> tuple[tuple[Any, ...], dict[str, Any]]:
        try:
            args, attributes = self._payloads.decode(record.args, "State of a business error")
            return (record.message,) if args is None else tuple(args), dict(attributes)
        except (PayloadError, TypeError, ValueError):
            return (record.message,), {}


def _construct(cls: type[Exception], args: tuple[Any, ...]) -> Exception:
    """Return an error of this class with these `args`, made without its `__init__` if need be."""
    try:
        error = cls(*args)
    except Exception:  # noqa: BLE001 -- its __init__ may want something else, and do anything
        error = None
    if error is None or error.args != args:  # its __init__ makes a message of what it is given
        error = cls.__new__(cls)
        error.args = args
    return error
