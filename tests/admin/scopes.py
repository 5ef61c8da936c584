"""Hooks for DURABLE["SCOPE"]."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from durable_django.models import WorkflowExecution


def only_orders(user: Any, rows: QuerySet[WorkflowExecution]) -> QuerySet[WorkflowExecution]:
    return rows.filter(workflow_name="page.order")


def nothing(user: Any, rows: QuerySet[WorkflowExecution]) -> QuerySet[WorkflowExecution]:
    return rows.none()


def no_kin(user: Any, rows: QuerySet[WorkflowExecution]) -> QuerySet[WorkflowExecution]:
    """Hide the children that the tests of families start."""
    return rows.exclude(workflow_name="kin.child")


def no_parents(user: Any, rows: QuerySet[WorkflowExecution]) -> QuerySet[WorkflowExecution]:
    """Hide who starts them."""
    return rows.exclude(workflow_name="kin.parent")
