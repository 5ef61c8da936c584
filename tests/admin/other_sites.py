"""Addresses of a project with three admin sites, of which one does not show executions."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin import AdminSite
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.urls import path

from durable_django.admin import HumanTaskAdmin, WorkflowExecutionAdmin
from durable_django.admin.subject_panel import DurableAdminMixin
from durable_django.models import HumanTask, WorkflowExecution


class UserWithPanelAdmin(DurableAdminMixin, UserAdmin):
    durable_workflows = ("page.order",)


ops, shop = AdminSite(name="ops"), AdminSite(name="shop")
ops.register(WorkflowExecution, WorkflowExecutionAdmin)
ops.register(HumanTask, HumanTaskAdmin)
ops.register(User, UserWithPanelAdmin)
shop.register(User, UserWithPanelAdmin)
urlpatterns = [
    path("ops/", ops.urls),
    path("shop/", shop.urls),
    path("admin/", admin.site.urls),
]
