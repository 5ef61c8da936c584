"""What the pages of schedules ask of the person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, cast

from django import forms
from django.forms.boundfield import BoundField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from durable_django.admin.acts.forms import ReasonForm, parse_json
from durable_django.admin.schedules.wording import (
    FOLD,
    GAP,
    MISFIRE,
    OVERLAP,
    parse_span,
    say_span,
)
from durable_django.domain.identifiers import MAX_NAME_LENGTH, MAX_QUEUE_LENGTH
from durable_django.domain.schedule import Schedule
from durable_django.engine.starting import MAX_PRIORITY

_TEXT = {"class": "dw-input", "autocomplete": "off"}
_MONO = {"class": "dw-input dw-mono", "autocomplete": "off", "spellcheck": "false"}
#: The id of the list of time zones that the page holds.
ZONES_ID = "dw-zones"
_INSTANT = "%Y-%m-%dT%H:%M"


class SpanField(forms.CharField):
    """A length of time: `90 s`, `15 min`, `1 h 30 min`; None if it is left empty."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=100, widget=forms.TextInput(attrs=_TEXT), **options)

    def clean(self, value: Any) -> Any:
        """Return it as a timedelta."""
        text = super().clean(value)
        try:
            return parse_span(text) if text else None
        except ValueError:
            raise forms.ValidationError(
                _("“%s” is no length of time. Write 90 s, 15 min, 1 h 30 min or 2 d.") % text
            ) from None


def _text(label: Any, help_text: Any = "", *, longest: int = 200, **options: Any) -> Any:
    widget = forms.TextInput(attrs=options.pop("attrs", _TEXT))
    options.setdefault("required", False)
    return forms.CharField(
        label=label, help_text=help_text, max_length=longest, widget=widget, **options
    )


def _policy(label: Any, words: Mapping[str, Any]) -> forms.ChoiceField:
    choices = [(str(policy), said) for policy, said in words.items()]
    return forms.ChoiceField(
        label=label, choices=choices, widget=forms.Select(attrs={"class": "dw-input"})
    )


def _number(label: Any, help_text: Any, most: int, **options: Any) -> forms.IntegerField:
    widget = forms.NumberInput(attrs={"class": "dw-input"})
    return forms.IntegerField(
        label=label, help_text=help_text, max_value=most, widget=widget, **options
    )


class ScheduleForm(ReasonForm):
    """A schedule; its fields are called as the options of `schedules.create`."""

    name = _text(
        gettext_lazy("Name"),
        gettext_lazy("Letters, digits and _ . : - and single spaces. It stays as it is."),
        longest=MAX_NAME_LENGTH,
        required=True,
    )
    workflow = forms.ChoiceField(
        label=gettext_lazy("Workflow"), widget=forms.Select(attrs={"class": "dw-input"})
    )
    version = _number(
        gettext_lazy("Code version"),
        gettext_lazy("Empty: the highest that there is at each run."),
        2**31 - 1,
        min_value=1,
        required=False,
    )
    input = forms.CharField(
        label=gettext_lazy("Input"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, **_MONO}),
    )
    tick_argument = _text(
        gettext_lazy("Argument for the time"),
        gettext_lazy("Gets the instant for which the run was planned."),
        longest=MAX_NAME_LENGTH,
        attrs=_MONO,
    )
    cron = _text(
        gettext_lazy("Cron expression"),
        gettext_lazy("Minute, hour, day of the month, month, day of the week: 0 9 * * MON-FRI"),
        attrs=_MONO,
    )
    every = SpanField(
        label=gettext_lazy("Or every"),
        required=False,
        help_text=gettext_lazy("An interval instead: 90 s, 15 min, 1 h 30 min, 2 d."),
    )
    timezone = _text(
        gettext_lazy("Time zone"),
        gettext_lazy("Whose clock the cron expression means."),
        longest=64,
        required=True,
        initial="UTC",
        attrs={**_TEXT, "list": ZONES_ID},
    )
    anchor_at = forms.DateTimeField(
        label=gettext_lazy("Intervals counted from"),
        required=False,
        help_text=gettext_lazy("Empty: from now on. In the time zone of this site."),
        widget=forms.DateTimeInput(
            attrs={"class": "dw-input", "type": "datetime-local", "step": 1},
            format="%Y-%m-%dT%H:%M:%S",
        ),
    )
    overlap = _policy(gettext_lazy("If the run before it goes on"), OVERLAP)
    misfire = _policy(gettext_lazy("If nobody was there to start it"), MISFIRE)
    misfire_grace = SpanField(
        label=gettext_lazy("As far back as"),
        help_text=gettext_lazy("What was missed before that stays missed."),
        initial="1 d",
    )
    disable_after = _number(
        gettext_lazy("Disable after"),
        gettext_lazy("So many failed starts in a row; 0: never."),
        32_767,
        min_value=0,
        initial=5,
    )
    gap = _policy(gettext_lazy("If its local time does not exist"), GAP)
    fold = _policy(gettext_lazy("If its local time comes twice"), FOLD)
    queue = _text(
        gettext_lazy("Queue"),
        gettext_lazy("Which workers take it; empty: the workflow's."),
        longest=MAX_QUEUE_LENGTH,
    )
    priority = _number(
        gettext_lazy("Priority"),
        gettext_lazy("0 to 1000; the higher, the earlier it begins."),
        MAX_PRIORITY,
        min_value=0,
        initial=0,
    )
    tags = _text(
        gettext_lazy("Tags"),
        gettext_lazy("Words to find its executions by, with commas between them."),
        longest=2000,
    )
    description = _text(
        gettext_lazy("Description"), gettext_lazy("What it is for."), longest=10_000
    )

    def __init__(
        self, *args: Any, workflows: Iterable[str], is_new: bool, input_help: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        choices = [(name, name) for name in workflows]
        cast("forms.ChoiceField", self.fields["workflow"]).choices = choices
        self.fields["input"].help_text = input_help
        if not is_new:
            del self.fields["name"]

    def clean_input(self) -> Any:
        """Read the JSON object; None if it is left empty."""
        text = self.cleaned_data["input"].strip()
        return parse_json(text, "input") if text else None

    def clean_tags(self) -> tuple[str, ...]:
        """Take the tags apart."""
        tags = (tag.strip() for tag in self.cleaned_data["tags"].split(","))
        return tuple(tag for tag in tags if tag)

    def groups(self) -> list[tuple[str, list[BoundField]]]:
        """Return the fields as the page shows them, below their headings."""
        return [
            (title, [self[name] for name in names if name in self.fields])
            for title, names in (
                (_("What"), ("name", "workflow", "version", "tick_argument")),
                (_("When"), ("cron", "every", "timezone", "anchor_at")),
                (_("If it is not simple"), _POLICIES),
                (_("How"), ("queue", "priority", "tags", "description")),
            )
        ]

    def timing(self) -> dict[str, Any]:
        """Return the options that decide when it ticks, as far as they can be read."""
        given = self.cleaned_data
        return {
            name: given[name]
            for name in ("cron", "every", "timezone", "anchor_at", "gap", "fold")
            if name in given
        }

    def options(self) -> dict[str, Any]:
        """Return the valid form as the options of `schedules.create`, without name and input."""
        left_out = ("name", "input", "reason")
        return {name: value for name, value in self.cleaned_data.items() if name not in left_out}


_POLICIES = ("overlap", "misfire", "misfire_grace", "disable_after", "gap", "fold")


def initial_of(schedule: Schedule) -> dict[str, Any]:
    """Return what the form shows of a schedule that is there, but for its input."""
    plain = ("version", "tick_argument", "cron", "timezone", "anchor_at", "disable_after")
    named = {"version": "workflow_version"}
    facts: dict[str, Any] = {name: getattr(schedule, named.get(name, name)) for name in plain}
    return facts | {
        "workflow": schedule.workflow_name,
        "every": _span_or_nothing(schedule.every),
        "overlap": schedule.overlap.value,
        "misfire": schedule.misfire.value,
        "misfire_grace": say_span(schedule.misfire_grace),
        "gap": schedule.gap.value,
        "fold": schedule.fold.value,
        "queue": schedule.queue,
        "priority": schedule.priority,
        "tags": ", ".join(schedule.tags),
        "description": schedule.description,
    }


class BackfillForm(ReasonForm):
    """Which ticks of the past; and how many these were when the person last looked."""

    start = forms.DateTimeField(
        label=gettext_lazy("From"),
        widget=forms.DateTimeInput(
            attrs={"class": "dw-input", "type": "datetime-local"}, format=_INSTANT
        ),
    )
    end = forms.DateTimeField(
        label=gettext_lazy("To, and not at"),
        widget=forms.DateTimeInput(
            attrs={"class": "dw-input", "type": "datetime-local"}, format=_INSTANT
        ),
    )
    #: The range that was counted, and the count.
    counted = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)


def _span_or_nothing(span: timedelta | None) -> str:
    return "" if span is None else say_span(span)
