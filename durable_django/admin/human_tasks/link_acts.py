"""Make a link with which one person completes a task, and revoke it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from durable_django.admin.human_tasks.forms import LinkForm
from durable_django.admin.human_tasks.task_act import DO, STEER, TEMPLATES, Done, TaskAct
from durable_django.control.human_tasks.errors import FourEyesError, LinkNotFoundError
from durable_django.control.human_tasks.link_acts import (
    give_link,
    revoke_visible_link,
    visible_links,
)
from durable_django.control.human_tasks.links import link_url, state_of
from durable_django.control.human_tasks.visibility import is_barred
from durable_django.exceptions import ConfigurationError, DurableError
from durable_django.runtime import engine

#: The newest are listed; those that can still be used are hardly ever more.
_MOST_LINKS = 20


class LinkAct(TaskAct):
    """Make a link with which the user completes it, once."""

    verb = gettext_lazy("Make a link")
    needs = (DO,)
    template = f"{TEMPLATES}/link.html"

    def is_possible(self) -> bool:
        """Say whether the user may make one."""
        return self.row.can_complete and not is_barred(self.row.task, self.person)

    def find_obstacle(self) -> DurableError | None:
        """Return also that the four-eyes rule is in the way."""
        found = super().find_obstacle()
        if found is None and is_barred(self.row.task, self.person):
            return FourEyesError(self.id, self.person.name)
        return found

    def make_form(self, data: QueryDict | None) -> LinkForm:
        """Ask how long it is to be good."""
        return LinkForm(data)

    def consequences(self) -> list[str]:
        """Say what a link is good for."""
        return [
            _("Whoever opens it fills in the form without logging in, once."),
            _(
                "The answer is yours: keep it to yourself. Links for others are made by the "
                "project's code, which sends them. Who made one is in the audit log."
            ),
        ]

    def context(self) -> dict[str, Any]:
        """Tell of the links that there are, without what opens them."""
        now = engine().store.now()
        links = visible_links(self.id, user=self.user)[:_MOST_LINKS]
        return {"links": [(link, state_of(link, now)) for link in links], "now": now}

    def perform(self, form: forms.Form) -> Done:
        """Make it."""
        if not isinstance(form, LinkForm):
            raise TypeError(form)
        try:
            link_url("-")  # before one is made that nobody can open
        except ConfigurationError as error:
            raise forms.ValidationError(str(error)) from None
        link = give_link(self.id, expires_in=form.life, user=self.user)
        logged = f"Made a link for {link.user!r}."
        return Done(told=_("The link was made."), logged=logged, link=link)


class RevokeAct(TaskAct):
    """Have a link never be used."""

    verb = gettext_lazy("Revoke a link")
    needs = (DO, STEER)
    asks = False

    def make_form(self, data: QueryDict | None) -> forms.Form:
        """Read which link."""
        return _RevokeForm(data)

    def perform(self, form: forms.Form) -> Done:
        """Revoke it."""
        link_id = form.cleaned_data["link"]
        try:
            is_first = revoke_visible_link(self.id, link_id, user=self.user)
        except LinkNotFoundError:
            raise forms.ValidationError(_("There is no such link.")) from None
        if not is_first:
            raise forms.ValidationError(_("It could not be used any more. Nothing was changed."))
        return Done(told=_("The link was revoked."), logged="Revoked a link.", stays=True)


class _RevokeForm(forms.Form):
    link = forms.UUIDField()
