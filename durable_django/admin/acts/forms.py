"""What the pages that act on one execution ask of the person: a reason, and what the act needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from durable_django.control.payloads.outside_json import parse_payload
from durable_django.domain.event import MAX_REASON_LENGTH
from durable_django.domain.identifiers import MAX_KEY_LENGTH, MAX_NAME_LENGTH, check_key, check_name
from durable_django.exceptions import DefinitionError, PayloadError

#: Names "the whole body" among the steps to fork from; no step's key is empty.
FROM_THE_START = ""
WITH_UNDO, WITHOUT_UNDO = "compensate", "terminate"


class ReasonForm(forms.Form):
    """Why; kept in the audit log."""

    #: Fields that the page shows in its own way.
    placed: tuple[str, ...] = ("reason",)

    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=MAX_REASON_LENGTH,
        help_text=_("Kept in the audit log, with your name. At most 500 characters."),
        widget=forms.Textarea(attrs={"rows": 2, "class": "dw-input"}),
    )


class CancelForm(ReasonForm):
    """With or without undoing; only what the user may do can be chosen."""

    placed = ("reason", "how")
    how = forms.ChoiceField(label=_("How"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, ways: Sequence[tuple[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choices(self, "how", ways)


class SignalForm(ReasonForm):
    """The signal's name, payload and dedupe key."""

    name = forms.CharField(
        label=_("Name"),
        max_length=MAX_NAME_LENGTH,
        help_text=_("The name the workflow asks for."),
        widget=forms.TextInput(attrs={"class": "dw-input", "autocomplete": "off"}),
    )
    payload = forms.CharField(
        label=_("Payload"),
        required=False,
        help_text=_('Any JSON value: null, true, 5, "text", [1, 2], {"approved": true}.'),
        widget=forms.Textarea(
            attrs={"rows": 5, "class": "dw-input dw-mono", "spellcheck": "false"}
        ),
    )

    def clean_name(self) -> str:
        """Refuse what is no signal's name."""
        return check_word(check_name, "signal", self.cleaned_data["name"])

    def clean_payload(self) -> Any:
        """Read the JSON value; nothing is null."""
        return parse_json(self.cleaned_data["payload"] or "null", "payload")


class OneSignalForm(SignalForm):
    """The same for one execution, where a dedupe key makes sense."""

    dedupe_key = forms.CharField(
        label=_("Dedupe key"),
        required=False,
        max_length=MAX_KEY_LENGTH,
        help_text=_("A second signal with the same key changes nothing."),
        widget=forms.TextInput(attrs={"class": "dw-input", "autocomplete": "off"}),
    )

    def clean_dedupe_key(self) -> str | None:
        """Refuse what is no key; an empty one is none."""
        key = self.cleaned_data["dedupe_key"]
        return check_word(check_key, "dedupe key", key) if key else None


class TimerForm(ReasonForm):
    """Which of the execution's timers."""

    placed = ("reason", "timer")
    timer = forms.ChoiceField(label=_("Timer"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, timers: Iterable[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choices(self, "timer", [(key, key) for key in timers])


class ForkForm(ReasonForm):
    """From which step, in which version and with which input."""

    placed = ("reason", "from_step")
    from_step = forms.ChoiceField(label=_("From step"), required=False, widget=forms.RadioSelect)
    version = forms.TypedChoiceField(
        label=_("Code version"), coerce=int, widget=forms.Select(attrs={"class": "dw-input"})
    )
    input = forms.CharField(
        label=_("Input"),
        help_text=_("The arguments by name, as JSON. Unchanged, the fork gets them as they are."),
        widget=forms.Textarea(
            attrs={"rows": 8, "class": "dw-input dw-mono", "spellcheck": "false"}
        ),
    )

    def __init__(
        self,
        *args: Any,
        steps: Iterable[str],
        versions: Sequence[tuple[int, Any]],
        edits_input: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        _choices(self, "from_step", [(key, key) for key in (FROM_THE_START, *steps)])
        _choices(self, "version", versions)
        if not edits_input:
            del self.fields["input"]

    def clean_input(self) -> Any:
        """Read the JSON object."""
        return parse_json(self.cleaned_data["input"], "input")


def parse_json(text: str, what: str) -> Any:
    """Return the value that the text says.

    Raises:
        ValidationError: It is no JSON that could be stored.
    """
    try:
        return parse_payload(text, what)
    except PayloadError as error:
        raise forms.ValidationError(str(error)) from error


def check_word(check: Callable[[str, str], str], kind: str, word: str) -> str:
    """Return the word if `check` does; what it refuses is the field's error.

    Raises:
        ValidationError: The word is not legal.
    """
    try:
        return check(kind, word)
    except DefinitionError as error:
        raise forms.ValidationError(str(error)) from error


def _choices(form: forms.Form, name: str, choices: Sequence[tuple[Any, Any]]) -> None:
    cast("forms.ChoiceField", form.fields[name]).choices = choices
