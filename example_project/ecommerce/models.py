from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class Product(models.Model):
    """Something to sell, and how many are left that nobody has reserved."""

    sku = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=100)
    price_cents = models.PositiveIntegerField()
    stock = models.IntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(stock__gte=0), name="ecommerce_product_stock_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class OrderStatus(models.TextChoices):
    PAID = "paid"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"


class Order(models.Model):
    """A paid order."""

    number = models.CharField(max_length=40, unique=True)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="orders")
    quantity = models.PositiveIntegerField()
    total_cents = models.PositiveIntegerField()
    charge_id = models.CharField(max_length=100)
    tracking_id = models.CharField(max_length=100, blank=True, default="")
    status = models.CharField(max_length=20, choices=OrderStatus.choices, default=OrderStatus.PAID)

    def __str__(self) -> str:
        return f"{self.number} ({self.status})"
