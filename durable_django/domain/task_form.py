"""What a human task asks, where no Django form says it: an approval, a choice, a text.

A task stores its fields as JSON, so that whoever shows it needs none of the workflow's code. What
a person answers is judged here by the same rules wherever it comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from durable_django.domain.choice_options import Options, known_value, options_of, to_lists
from durable_django.exceptions import DefinitionError, FieldErrors

_REQUIRED = "This field is required."


@dataclass(frozen=True, slots=True)
class Approval:
    """Yes or no."""

    label: str = ""
    #: Whether the person is offered to add a comment.
    comment: bool = True
    help: str = ""
    required: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"type": "approval", **_frame_of(self), "comment": self.comment}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Approval:
        """Return what `to_json` returned."""
        return cls(comment=bool(data.get("comment", True)), **_frame_from(data))

    def clean(self, value: Any) -> bool | None:
        """Return the answer; None if there need be none.

        Raises:
            ValueError: It is no such answer; the message is for people.
        """
        if _is_missing(value, self):
            return None
        if not isinstance(value, bool):
            raise ValueError("This is true or false.")  # noqa: TRY004 -- a message for people
        return value


@dataclass(frozen=True, slots=True, init=False)
class Choice:
    """One of several options: `Choice("air", "sea")` or `Choice({"air": "By air"})`."""

    options: Options
    label: str = ""
    help: str = ""
    required: bool = True

    def __init__(
        self,
        *options: Any,
        label: str = "",
        help: str = "",  # noqa: A002 -- the word of Django's forms
        required: bool = True,
    ) -> None:
        _set(self, options=options_of(options), label=label, help=help, required=required)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"type": "choice", **_frame_of(self), "options": to_lists(self.options)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Choice:
        """Return what `to_json` returned."""
        return cls(*data["options"], **_frame_from(data))

    def clean(self, value: Any) -> str:
        """Return the chosen value; empty if none need be chosen.

        Raises:
            ValueError: It is no such answer; the message is for people.
        """
        if _is_missing(value, self):
            return ""
        return known_value(value, self.options)


@dataclass(frozen=True, slots=True, init=False)
class MultiChoice:
    """Any number of several options; at least one if it is required."""

    options: Options
    label: str = ""
    help: str = ""
    required: bool = True

    def __init__(
        self,
        *options: Any,
        label: str = "",
        help: str = "",  # noqa: A002 -- the word of Django's forms
        required: bool = True,
    ) -> None:
        _set(self, options=options_of(options), label=label, help=help, required=required)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"type": "choices", **_frame_of(self), "options": to_lists(self.options)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MultiChoice:
        """Return what `to_json` returned."""
        return cls(*data["options"], **_frame_from(data))

    def clean(self, value: Any) -> list[str]:
        """Return the chosen values, each once, in the order of the options.

        Raises:
            ValueError: It is no such answer; the message is for people.
        """
        if _is_missing(value, self):
            return []
        if not isinstance(value, (list, tuple, set, frozenset)):
            raise ValueError("This is a list.")  # noqa: TRY004 -- a message for people
        chosen = {known_value(one, self.options) for one in value}
        return [known for known, _ in self.options if known in chosen]


@dataclass(frozen=True, slots=True)
class Text:
    """Some text, without white space around it."""

    label: str = ""
    multiline: bool = False
    #: In characters; None: as much as a payload may hold.
    max_length: int | None = None
    help: str = ""
    required: bool = True

    def __post_init__(self) -> None:
        """Refuse a length that no text has."""
        if self.max_length is not None and self.max_length < 1:
            raise DefinitionError(f"The max_length of a text is 1 or more, not {self.max_length}.")

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        more = {"multiline": self.multiline, "max_length": self.max_length}
        return {"type": "text", **_frame_of(self), **more}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Text:
        """Return what `to_json` returned."""
        return cls(
            multiline=bool(data.get("multiline")),
            max_length=data.get("max_length"),
            **_frame_from(data),
        )

    def clean(self, value: Any) -> str:
        """Return the text; empty if there need be none.

        Raises:
            ValueError: It is no such answer; the message is for people.
        """
        text = value.strip() if isinstance(value, str) else value
        if _is_missing(text, self):
            return ""
        if not isinstance(text, str):
            raise ValueError("This is text.")  # noqa: TRY004 -- a message for people
        if "\0" in text:
            raise ValueError("It holds a NUL character.")
        if self.max_length is not None and len(text) > self.max_length:
            raise ValueError(f"It has {len(text)} characters; at most {self.max_length} may be.")
        return text


FormField = Approval | Choice | MultiChoice | Text
#: The types in JSON, and what a field alone is called in the answer.
_TYPES: dict[str, tuple[type[FormField], str]] = {
    "approval": (Approval, "approved"),
    "choice": (Choice, "choice"),
    "choices": (MultiChoice, "choices"),
    "text": (Text, "text"),
}


@dataclass(frozen=True, slots=True)
class TaskForm:
    """The fields of a task by their names, in their order."""

    fields: tuple[tuple[str, FormField], ...]

    @classmethod
    def of(cls, form: FormField | Mapping[Any, Any]) -> TaskForm:
        """Return the form of one field, called after what it is, or of several by their names.

        Raises:
            DefinitionError: A name is no identifier, or what it names is no field.
        """
        if isinstance(form, FormField):
            return cls(((_name_of(form), form),))
        for name, field in form.items():
            if not isinstance(name, str) or not name.isidentifier():
                raise DefinitionError(f"The name of a field is an identifier, not {name!r:.80}.")
            if not isinstance(field, FormField):
                raise DefinitionError(
                    f"The field {name!r} is {field!r:.80}; it has to be an Approval, a Choice, a "
                    f"MultiChoice or a Text."
                )
        return cls(tuple(form.items()))

    def to_json(self) -> tuple[dict[str, Any], ...]:
        """Return the fields as JSON, each with its name."""
        return tuple({"name": name, **field.to_json()} for name, field in self.fields)

    @classmethod
    def from_json(cls, fields: Iterable[Mapping[str, Any]]) -> TaskForm:
        """Return what `to_json` returned.

        Raises:
            DefinitionError: A field is of a type that is not known here.
        """
        return cls(tuple((str(data["name"]), _field_from(data)) for data in fields))

    def clean(self, data: Any) -> dict[str, Any]:
        """Return the answer with every field, as the workflow gets it.

        Raises:
            FieldErrors: It is incomplete, or holds what was not asked.
        """
        if not isinstance(data, Mapping):
            raise FieldErrors({"": ["An answer is an object: values by the names of the fields."]})
        known = {name for name, _ in self.fields}
        errors = {name: ["Nothing was asked by this name."] for name in data if name not in known}
        answer = {}
        for name, field in self.fields:
            try:
                answer[name] = field.clean(data.get(name))
            except ValueError as error:
                errors[name] = [str(error)]
        if errors:
            raise FieldErrors(errors)
        return answer


def _name_of(field: FormField) -> str:
    return next(name for kind, name in _TYPES.values() if isinstance(field, kind))


def _field_from(data: Mapping[str, Any]) -> FormField:
    if data.get("type") not in _TYPES:
        raise DefinitionError(f"A field of a task is of the unknown type {data.get('type')!r:.80}.")
    return _TYPES[data["type"]][0].from_json(data)


def _frame_of(field: FormField) -> dict[str, Any]:
    return {"label": str(field.label), "help": str(field.help), "required": field.required}


def _frame_from(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "label": str(data.get("label", "")),
        "help": str(data.get("help", "")),
        "required": bool(data.get("required", True)),
    }


def _set(field: Choice | MultiChoice, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(field, name, value)


def _is_missing(value: Any, field: FormField) -> bool:
    """Say whether nothing was answered, which a field may allow."""
    is_missing = value is None or value == "" or value in ([], (), set(), frozenset())
    if is_missing and field.required:
        raise ValueError(_REQUIRED)
    return bool(is_missing)
