"""Query parameters: only those a view declares, each given once and read where it is declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from durable_django.api.http.problems import INVALID_PARAMETER, UNKNOWN_PARAMETER, ProblemError


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryParameter:
    """One parameter behind the `?`."""

    name: str
    description: str
    #: Its JSON schema; of one value, if it may be repeated.
    schema: Mapping[str, Any]
    #: Makes the value of the text; a ValueError says, to the client, what is wrong with it.
    parse: Callable[[str], Any] = str
    #: Then its value is a list, empty unless given.
    is_repeatable: bool = False
    default: Any = None


def read_query(given: QueryDict, declared: Iterable[QueryParameter]) -> dict[str, Any]:
    """Return the value of every declared parameter.

    Raises:
        ProblemError: One is unknown, given twice, or has no legal value.
    """
    by_name = {parameter.name: parameter for parameter in declared}
    for name in given:
        if name not in by_name:
            known = (
                f"Known here: {', '.join(sorted(by_name))}." if by_name else "None is known here."
            )
            raise ProblemError(
                UNKNOWN_PARAMETER,
                f"There is no parameter {name!r:.80}. {known}",
                parameter=name[:80],
            )
    return {name: _read(given.getlist(name), by_name[name]) for name in by_name}


def one_of(*words: str) -> Callable[[str], str]:
    """Return a reader of one of these words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"It is one of {', '.join(words)}.")
        return text

    return parse


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Return a reader of a whole number between the two, both included."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(most))):
            raise ValueError(f"It is a whole number from {least} to {most}.")
        number = int(text)
        if not least <= number <= most:
            raise ValueError(f"It is a whole number from {least} to {most}.")
        return number

    return parse


def invalid_parameter(name: str, detail: object) -> ProblemError:
    """Return the refusal of a parameter's value."""
    return ProblemError(INVALID_PARAMETER, f"{name}: {detail}", parameter=name)


def _read(texts: list[str], parameter: QueryParameter) -> Any:
    if len(texts) > 1 and not parameter.is_repeatable:
        raise invalid_parameter(parameter.name, "It is given more than once.")
    try:
        values = [parameter.parse(_checked(text, parameter.schema)) for text in texts]
    except ValueError as error:
        raise invalid_parameter(parameter.name, error) from None
    if parameter.is_repeatable:
        return values
    return values[0] if values else parameter.default


def _checked(text: str, schema: Mapping[str, Any]) -> str:
    # PostgreSQL stores no NUL, and refuses to compare with one.
    if "\0" in text:
        raise ValueError("It holds a NUL character.")
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if len(text) < least or (most is not None and len(text) > most):
        raise ValueError(f"It has {least} to {most or 'any number of'} characters.")
    return text
