"""Turn an exception into what is stored of it. Total: it cannot fail itself."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

from durable_django.domain.error_record import (
    MAX_MESSAGE_LENGTH,
    MAX_TRACEBACK_LENGTH,
    ErrorRecord,
)

logger = logging.getLogger(__name__)

UNRECORDABLE = "unrecordable"


class ErrorRecorder:
    """Writes errors down: by the formatter given, cut to size, printable.

    A formatter that raises, or returns something other than a string, is passed over.
    """

    def __init__(
        self, formatter: Callable[[BaseException], str] | None = None, *, tracebacks: bool = False
    ) -> None:
        self._formatter = formatter
        self._tracebacks = tracebacks

    @property
    def redacts(self) -> bool:
        """Whether a formatter decides what of an error is stored."""
        return self._formatter is not None

    def record(
        self, error: BaseException, *, code: str = "", attempts: int = 1, args: str = ""
    ) -> ErrorRecord:
        """Return the record of `error`."""
        return ErrorRecord(
            type=class_name(type(error)),
            message=self._message(error),
            traceback=self._traceback(error),
            args=args,
            code=code,
            attempts=attempts,
        )

    def _message(self, error: BaseException) -> str:
        if self._formatter is not None:
            try:
                return printable(self._formatter(error), MAX_MESSAGE_LENGTH)
            except Exception:  # the user's hook; an error must be recorded whatever it does
                logger.exception("error_formatter failed; the error is recorded without it")
        try:
            return printable(str(error), MAX_MESSAGE_LENGTH)
        except Exception:  # noqa: BLE001 -- a __str__ may do anything
            return UNRECORDABLE

    def _traceback(self, error: BaseException) -> str:
        if not self._tracebacks:
            return ""
        try:
            lines = traceback.format_exception(error)
            return printable("".join(lines), MAX_TRACEBACK_LENGTH, keep_end=True)
        except Exception:  # noqa: BLE001 -- as above
            return ""


def class_name(cls: type[BaseException]) -> str:
    """Return the class's name, with its module unless it is a builtin or ours."""
    module = cls.__module__
    if module == "builtins" or module.startswith("durable_django"):
        return cls.__qualname__
    return f"{module}.{cls.__qualname__}"


def printable(text: object, limit: int, *, keep_end: bool = False) -> str:
    """Return `text` cut to `limit` characters, with NUL and lone surrogates made visible."""
    if not isinstance(text, str):
        raise TypeError("error text is a string")
    if len(text) > limit:
        text = f"…{text[1 - limit :]}" if keep_end else f"{text[: limit - 1]}…"
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")
