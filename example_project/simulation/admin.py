"""The fault switches, to play with; the ledger and the calls, to look at."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from example_project.simulation.models import FaultSwitch, GatewayCall, LedgerEntry


@admin.register(FaultSwitch)
class FaultSwitchAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ("gateway", "kind", "reference", "remaining", "seconds")
    list_filter = ("gateway", "kind")


class HistoryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    search_fields = ("reference", "idempotency_key")
    list_filter = ("gateway", "operation")
    ordering = ("-pk",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(LedgerEntry)
class LedgerEntryAdmin(HistoryAdmin):
    list_display = ("created_at", "gateway", "operation", "reference", "amount_cents", "pid")


@admin.register(GatewayCall)
class GatewayCallAdmin(HistoryAdmin):
    list_display = ("began_at", "gateway", "operation", "reference", "attempt", "pid", "outcome")
