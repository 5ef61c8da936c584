from __future__ import annotations

from django.contrib import admin

from durable_django.admin.subject_panel import DurableAdminMixin
from example_project.ecommerce.models import Order, Product


@admin.register(Product)
class ProductAdmin(DurableAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    durable_workflows = ("ecommerce.checkout",)
    list_display = ("sku", "name", "price_cents", "stock")
    search_fields = ("sku", "name")


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ("number", "product", "quantity", "total_cents", "status", "tracking_id")
    list_filter = ("status",)
    search_fields = ("number",)
