from __future__ import annotations

from django.contrib import admin

from example_project.ecommerce.models import Order, Product


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ("sku", "name", "price_cents", "stock")
    search_fields = ("sku", "name")


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ("number", "product", "quantity", "total_cents", "status", "tracking_id")
    list_filter = ("status",)
    search_fields = ("number",)
