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
        named = next(cls for cls in raises if isinstance(error, cls))
        return self._errors.record(
            error,
            code=_PREFIX + class_name(named),
            attempts=attempts,
            args=self._encode_state(error),
        )

    def rebuild(self, record: ErrorRecord, raises: tuple[type[Exception], ...]) -> Exception | None:
        """Return the error that `record` tells of, if the code still names its class; else None.

        A subclass of a named class is raised as itself where this process has it loaded, else as
        the named class. Its `args` and attributes are what was stored; of what is no JSON, the
        `args` become the message and an attribute is left out.
        """
        if not record.code.startswith(_PREFIX):
            return None
        named_as = record.code.removeprefix(_PREFIX)
        for named in raises:
            family = _family(named)
            exact = next((cls for cls in family if class_name(cls) == record.type), None)
            if exact is not None or class_name(named) == named_as:
                return self._build(exact or named, record)
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


def _family(cls: type[Exception]) -> list[type[Exception]]:
    """Return the class and all its loaded subclasses."""
    family = [cls]
    for member in family:
        family.extend(sub for sub in member.__subclasses__() if sub not in family)
    return family
