"""What the pages of the acts on a task ask: to whom, how long, and why."""

from __future__ import annotations

from datetime import timedelta

from django import forms
from django.utils.translation import gettext_lazy as _

from durable_django.admin.acts.forms import ReasonForm
from durable_django.domain.identifiers import MAX_KEY_LENGTH

_LIVES = {
    "1": _("1 hour"),
    "8": _("8 hours"),
    "24": _("1 day"),
    "72": _("3 days"),
    "168": _("7 days"),
    "720": _("30 days"),
}
_NAME = forms.TextInput(attrs={"class": "dw-input", "autocomplete": "off", "spellcheck": "false"})


class DelegateForm(ReasonForm):
    """To which user."""

    to = forms.CharField(
        label=_("To"),
        max_length=MAX_KEY_LENGTH,
        help_text=_("Their username. Among several candidates it is one of them."),
        widget=_NAME,
    )


class ReassignForm(ReasonForm):
    """To which user or group."""

    to = forms.CharField(
        label=_("To"),
        max_length=MAX_KEY_LENGTH,
        help_text=_("A username; or group: and the name of a group, whose members may claim it."),
        widget=_NAME,
    )


class LinkForm(forms.Form):
    """How long it is good."""

    placed = ()

    hours = forms.TypedChoiceField(
        label=_("Good for"), choices=list(_LIVES.items()), coerce=int, initial="72"
    )

    @property
    def life(self) -> timedelta:
        """How long the link is to be good for; once it is valid."""
        return timedelta(hours=self.cleaned_data["hours"])
