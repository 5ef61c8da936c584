from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest
from django.test import Client, RequestFactory, override_settings
from django.urls import reverse

from durable_django.admin import subject_panel
from durable_django.admin.subject_panel import DurableAdminMixin
from durable_django.domain.error_record import ErrorRecord
from durable_django.models import WorkflowExecution
from example_project.ecommerce.models import Product
from tests.control.past_executions import insert, insert_attempt

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>"
#: The executions and the tally of their steps.
PANEL_QUERIES = 2


@pytest.fixture
def lamp() -> Product:
    return Product.objects.create(sku="lamp", name="Desk lamp", price_cents=4900)


@pytest.fixture
def root(client: Client) -> Client:
    # Its query would belong to whichever test comes first.
    ContentType.objects.get_for_model(WorkflowExecution)
    client.force_login(User.objects.create_superuser("root"))
    return client


def staff(client: Client, *codenames: str) -> Client:
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return client


def url_of(product: Product) -> str:
    return reverse("admin:ecommerce_product_change", args=[product.pk])


def about(product: Product, **fields: Any) -> WorkflowExecution:
    return insert("ecommerce.checkout", subject=f"ecommerce.product:{product.pk}", **fields)


def only_mine(user: Any, executions: Any) -> Any:
    return executions.filter(queue="mine")


class TestPanel:
    def test_executions_about_the_object_are_shown_with_where_they_stand(
        self, root: Client, lamp: Product
    ):
        waiting = about(
            lamp, key="order-7", status="suspended", waiting_kind="signal", waiting_for="paid"
        )
        other = insert("ecommerce.checkout", subject="ecommerce.product:0", key="order-8")

        page = root.get(url_of(lamp)).text

        assert reverse("admin:durable_django_workflowexecution_change", args=[waiting.pk]) in page
        assert "order-7" in page
        assert "dw-suspended" in page
        assert "signal paid" in page
        assert str(other.pk) not in page

    def test_nothing_is_said_so(self, root: Client, lamp: Product):
        assert "No execution is about this object yet." in root.get(url_of(lamp)).text

    def test_newest_are_shown_and_the_rest_is_a_link(self, root: Client, lamp: Product):
        for number in range(subject_panel.MAX_SHOWN + 1):
            about(lamp, key=f"order-{number}-")

        page = root.get(url_of(lamp)).text

        assert "order-20-" in page
        assert "order-0-" not in page
        [found] = re.findall(r'href="([^"]+)">Show all', page)
        assert root.get(found.replace("&amp;", "&")).text.count("dw-badge dw-pending") >= 21

    @pytest.mark.parametrize("count", [1, 20])
    def test_queries_do_not_depend_on_the_number_of_executions(
        self, root: Client, lamp: Product, django_assert_num_queries: Any, count: int
    ):
        for _ in range(count):
            insert_attempt(about(lamp, status="failed"), "charge", timedelta(seconds=1))
        ContentType.objects.get_for_model(Product)  # remembered, until a test empties the tables
        # Session, user, product.
        with django_assert_num_queries(3 + PANEL_QUERIES):
            root.get(url_of(lamp))

    def test_hostile_names_are_text(self, root: Client, lamp: Product):
        error = ErrorRecord(type=HOSTILE, message=HOSTILE).to_text()
        about(lamp, key=HOSTILE, status="failed", error=error)

        page = root.get(url_of(lamp)).text
        [panel] = re.findall(r'<div class="dw-panel">.*', page, re.DOTALL)

        assert HOSTILE not in panel
        assert "&lt;script&gt;" in panel
        assert not re.search(r"\sstyle\s*=|\son\w+\s*=", panel)

    def test_page_of_a_new_object_has_none(self, root: Client):
        assert "dw-panel" not in root.get(reverse("admin:ecommerce_product_add")).text

    def test_object_is_still_saved(self, root: Client, lamp: Product):
        root.post(url_of(lamp), {"sku": "lamp", "name": "Lamp", "price_cents": 1, "stock": 2})

        lamp.refresh_from_db()
        assert (lamp.name, lamp.stock) == ("Lamp", 2)


class TestPermissions:
    def test_who_may_not_see_executions_sees_no_panel(self, client: Client, lamp: Product):
        about(lamp, key="order-7")

        page = staff(client, "view_product").get(url_of(lamp))

        assert page.status_code == 200
        assert "dw-panel" not in page.text
        assert "order-7" not in page.text

    def test_who_may_only_look_at_both_sees_the_panel(self, client: Client, lamp: Product):
        about(lamp, key="order-7")

        page = staff(client, "view_product", "view_workflowexecution").get(url_of(lamp)).text

        assert "order-7" in page
        assert "Start ecommerce.checkout" not in page

    def test_named_workflows_are_offered_to_those_who_may_start(
        self, client: Client, lamp: Product
    ):
        codenames = ("view_product", "view_workflowexecution", "start_execution")

        page = staff(client, *codenames).get(url_of(lamp)).text

        start = reverse("admin:durable_django_start", args=["ecommerce.checkout"])
        assert f'href="{start}?subject=ecommerce.product%3A{lamp.pk}"' in page

    def test_what_is_out_of_scope_is_not_there(self, root: Client, lamp: Product):
        about(lamp, key="order-7", queue="theirs")

        with override_settings(DURABLE={"SCOPE": "tests.admin.test_subject_panel.only_mine"}):
            page = root.get(url_of(lamp)).text

        assert "order-7" not in page


class WithFieldsets(DurableAdminMixin, admin.ModelAdmin):
    fieldsets = ((None, {"fields": ("sku", "name")}), ("More", {"fields": ("stock",)}))
    readonly_fields = ("stock",)
    durable_workflows = ("shop.unknown",)


class Plain(DurableAdminMixin, admin.ModelAdmin):
    readonly_fields = ("stock",)


class WithMedia(DurableAdminMixin, admin.ModelAdmin):
    class Media:
        css = {"all": ["own.css"]}  # noqa: RUF012 -- as Django documents it


class TestMixin:
    def request(self, user: Any) -> HttpRequest:
        request = RequestFactory().get("/")
        request.user = user
        return request

    @pytest.mark.parametrize("kind", [WithFieldsets, Plain], ids=["fieldsets", "plain"])
    def test_panel_stands_once_and_last(self, lamp: Product, kind: Any):
        request = self.request(User.objects.create_superuser("root"))
        model_admin = kind(Product, admin.site)

        fieldsets = model_admin.get_fieldsets(request, lamp)

        panels = [f for _, o in fieldsets for f in o["fields"] if callable(f)]
        assert panels == list(fieldsets[-1][1]["fields"])
        assert len(panels) == 1
        assert panels[0] in model_admin.get_readonly_fields(request, lamp)
        assert "stock" in model_admin.get_readonly_fields(request, lamp)

    def test_class_itself_is_left_alone(self, lamp: Product):
        request = self.request(User.objects.create_superuser("root"))

        WithFieldsets(Product, admin.site).get_fieldsets(request, lamp)

        assert len(WithFieldsets.fieldsets) == 2
        assert WithFieldsets.readonly_fields == ("stock",)

    def test_nobody_has_no_panel(self, lamp: Product):
        fieldsets = Plain(Product, admin.site).get_fieldsets(self.request(AnonymousUser()), lamp)

        assert len(fieldsets) == 1

    def test_workflow_that_is_not_registered_is_not_offered(self, lamp: Product):
        request = self.request(User.objects.create_superuser("root"))

        panel = WithFieldsets(Product, admin.site).render_durable_panel(request, lamp)

        assert "shop.unknown" not in panel

    def test_own_stylesheets_stay(self):
        media = str(WithMedia(Product, admin.site).media)

        assert "own.css" in media
        assert "durable_django/durable.css" in media

    def test_classes_pass_djangos_checks(self):
        assert [kind(Product, admin.site).check() for kind in (WithFieldsets, Plain)] == [[], []]
