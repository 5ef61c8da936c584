"""How an execution is started by hand: the options beside the workflow's own input."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from durable_django.admin.acts.forms import ReasonForm, check_word
from durable_django.domain.identifiers import (
    MAX_KEY_LENGTH,
    MAX_QUEUE_LENGTH,
    check_key,
    check_queue,
)
from durable_django.engine.start_request import StartOptions
from durable_django.engine.starting import MAX_PRIORITY, MAX_TAGS

_TEXT = {"class": "dw-input", "autocomplete": "off"}


class OptionsForm(ReasonForm):
    """How the execution is started; what is left empty is as the workflow says."""

    key = forms.CharField(
        label=gettext_lazy("Key"),
        required=False,
        max_length=MAX_KEY_LENGTH,
        help_text=gettext_lazy("At most one execution of the workflow has it."),
        widget=forms.TextInput(attrs=_TEXT),
    )
    subject = forms.CharField(
        label=gettext_lazy("About"),
        required=False,
        max_length=MAX_KEY_LENGTH,
        help_text=gettext_lazy("The business object, such as shop.order:991."),
        widget=forms.TextInput(attrs=_TEXT),
    )
    start_at = forms.DateTimeField(
        label=gettext_lazy("Not before"),
        required=False,
        help_text=gettext_lazy("Empty: at once. In the time zone of this site."),
        widget=forms.DateTimeInput(
            attrs={"class": "dw-input", "type": "datetime-local"}, format="%Y-%m-%dT%H:%M"
        ),
    )
    queue = forms.CharField(
        label=gettext_lazy("Queue"),
        required=False,
        max_length=MAX_QUEUE_LENGTH,
        help_text=gettext_lazy("Which workers take it; empty: the workflow's."),
        widget=forms.TextInput(attrs=_TEXT),
    )
    priority = forms.IntegerField(
        label=gettext_lazy("Priority"),
        initial=0,
        min_value=0,
        max_value=MAX_PRIORITY,
        help_text=gettext_lazy("0 to 1000; the higher, the earlier it begins."),
        widget=forms.NumberInput(attrs={"class": "dw-input"}),
    )
    tags = forms.CharField(
        label=gettext_lazy("Tags"),
        required=False,
        help_text=gettext_lazy("Words to find it by, with commas between them."),
        widget=forms.TextInput(attrs=_TEXT),
    )

    def clean_key(self) -> str | None:
        """Refuse what is no key; an empty one is none."""
        key = self.cleaned_data["key"]
        return check_word(check_key, "execution key", key) if key else None

    def clean_queue(self) -> str | None:
        """Refuse what is no queue's name; an empty one is the workflow's."""
        queue = self.cleaned_data["queue"]
        return check_word(lambda _kind, word: check_queue(word), "queue", queue) if queue else None

    def clean_tags(self) -> tuple[str, ...]:
        """Take the tags apart, and refuse what is none."""
        tags = [tag.strip() for tag in self.cleaned_data["tags"].split(",")]
        given = tuple(check_word(check_key, "tag", tag) for tag in tags if tag)
        if len(given) > MAX_TAGS:
            raise forms.ValidationError(_("At most %(n)d tags.") % {"n": MAX_TAGS})
        return given

    def to_options(self) -> StartOptions:
        """Return the valid form's options."""
        given = self.cleaned_data
        return StartOptions(
            key=given["key"],
            queue=given["queue"],
            priority=given["priority"],
            start_at=given["start_at"],
            tags=given["tags"],
            subject=given["subject"],
        )
