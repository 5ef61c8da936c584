"""The claims, and what the bank would say of them."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from durable_django import DurableError
from durable_django.admin.subject_panel import DurableAdminMixin
from example_project.expenses import claims
from example_project.expenses.models import Booking, ExpenseClaim


@admin.register(ExpenseClaim)
class ExpenseClaimAdmin(DurableAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ("__str__", "claimant", "department", "amount_cents", "status")
    list_filter = ("status", "department")
    search_fields = ("claimant", "purpose")
    actions = ("accept", "refuse")

    @admin.action(description="The bank confirms the transfer")
    def accept(self, request: HttpRequest, rows: QuerySet[ExpenseClaim]) -> None:
        self._hear(request, rows, accepted=True)

    @admin.action(description="The bank refuses the transfer")
    def refuse(self, request: HttpRequest, rows: QuerySet[ExpenseClaim]) -> None:
        self._hear(request, rows, accepted=False)

    def _hear(self, request: HttpRequest, rows: QuerySet[ExpenseClaim], *, accepted: bool) -> None:
        for row in rows:
            try:
                claims.hear_from_bank(row, accepted=accepted)
            except DurableError as error:
                self.message_user(request, f"{row}: {error}", messages.ERROR)


@admin.register(Booking)
class BookingAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ("booked_at", "claim", "department", "amount_cents")
    list_select_related = ("claim",)
    list_filter = ("department",)
