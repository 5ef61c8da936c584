"""Workflows for tests that need other processes to know them too."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from uuid import UUID

from durable_django import WorkflowContext, workflow
from durable_django.stores.orm.db_now import DBNow
from tests.testapp.models import LedgerEntry


def write_ledger(execution_id: UUID, name: str) -> str:
    LedgerEntry.objects.create(
        execution_id=execution_id, name=name, written_at=DBNow(), pid=os.getpid()
    )
    return name


def work(milliseconds: int) -> int:
    """Take a while outside of any transaction."""
    time.sleep(milliseconds / 1000)
    return milliseconds


@workflow(name="testapp.ledger")
def ledger(ctx: WorkflowContext, entries: int = 1, milliseconds: int = 0) -> int:
    """Write entries that commit with their checkpoints, with a pause before each."""
    for number in range(entries):
        if milliseconds:
            ctx.step("work", work, milliseconds)
        ctx.step("write", write_ledger, ctx.execution_id, f"entry {number}", atomic=True)
    return entries


@workflow(name="testapp.plain")
def plain(ctx: WorkflowContext, steps: int = 1) -> int:
    """Do next to nothing, in so many steps."""
    for _ in range(steps):
        ctx.step("work", work, 0)
    return steps


@workflow(name="testapp.nap")
def nap(ctx: WorkflowContext, milliseconds: int) -> str:
    """Sleep, and write down when it woke."""
    ctx.sleep("nap", timedelta(milliseconds=milliseconds))
    return ctx.step("write", write_ledger, ctx.execution_id, "woke", atomic=True)


@workflow(name="testapp.outlive")
def outlive(ctx: WorkflowContext, milliseconds: int) -> str:
    """Say that it began, take a while, and write one entry."""
    ctx.step("begin", lambda: write_ledger(ctx.execution_id, "begun"))
    ctx.step("work", work, milliseconds)
    return ctx.step("write", write_ledger, ctx.execution_id, "outlived", atomic=True)


def stay(execution_id: UUID, milliseconds: int) -> None:
    """Write down when it comes and when it goes, each at once."""
    write_ledger(execution_id, "came")
    time.sleep(milliseconds / 1000)
    write_ledger(execution_id, "went")


@workflow(name="testapp.visit", queue="narrow")
def visit(ctx: WorkflowContext, milliseconds: int) -> None:
    """Stay twice, with a nap in between."""
    ctx.step("first", stay, ctx.execution_id, milliseconds)
    ctx.sleep("nap", timedelta(milliseconds=milliseconds))
    ctx.step("second", stay, ctx.execution_id, milliseconds)
