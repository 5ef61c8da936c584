"""Addresses of a project with four admin sites, of which two do not show executions."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin import AdminSite
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.urls import path

from durable_django.admin import HumanTaskAdmin, WorkflowExecutionAdmin
from durable_django.admin.queue_admin import QueueAdmin
from durable_django.admin.schedule_admin import ScheduleAdmin
from durable_django.admin.subject_panel import DurableAdminMixin
from durable_django.models import HumanTask, Schedule, WorkflowExecution, WorkQueue


class UserWithPanelAdmin(DurableAdminMixin, UserAdmin):
    durable_workflows = ("page.order",)


ops, shop, plan = AdminSite(name="ops"), AdminSite(name="shop"), AdminSite(name="plan")
ops.register(WorkflowExecution, WorkflowExecutionAdmin)
ops.register(HumanTask, HumanTaskAdmin)
ops.register(Schedule, ScheduleAdmin)
ops.register(WorkQueue, QueueAdmin)
plan.register(HumanTask, HumanTaskAdmin)
plan.register(Schedule, ScheduleAdmin)
plan.register(WorkQueue, QueueAdmin)
ops.register(User, UserWithPanelAdmin)
shop.register(User, UserWithPanelAdmin)
urlpatterns = [
    path("ops/", ops.urls),
    path("shop/", shop.urls),
    path("plan/", plan.urls),
    path("admin/", admin.site.urls),
]
