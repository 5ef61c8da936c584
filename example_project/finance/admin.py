"""The bank's screens; applications are approved and rejected here."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from durable_django import DurableError
from durable_django.admin.subject_panel import DurableAdminMixin
from example_project.finance import onboarding
from example_project.finance.models import Account, Application, Posting


@admin.register(Account)
class AccountAdmin(DurableAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    durable_workflows = ("finance.transfer",)
    list_display = ("number", "owner", "balance_cents", "is_open")
    search_fields = ("number", "owner")


@admin.register(Posting)
class PostingAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ("created_at", "account", "amount_cents", "text")
    list_select_related = ("account",)


@admin.register(Application)
class ApplicationAdmin(DurableAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ("applicant", "created_at", "account")
    list_select_related = ("account",)
    actions = ("approve", "reject")

    @admin.action(description="Approve selected applications")
    def approve(self, request: HttpRequest, applications: QuerySet[Application]) -> None:
        self._decide(request, applications, approved=True)

    @admin.action(description="Reject selected applications")
    def reject(self, request: HttpRequest, applications: QuerySet[Application]) -> None:
        self._decide(request, applications, approved=False)

    def _decide(
        self, request: HttpRequest, applications: QuerySet[Application], *, approved: bool
    ) -> None:
        for application in applications:
            try:
                onboarding.decide(application, approved=approved, reason=f"by {request.user}")
            except DurableError as error:
                self.message_user(request, f"{application}: {error}", messages.ERROR)
