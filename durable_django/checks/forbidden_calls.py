"""What a workflow's body must not call outside an action, and what to write instead."""

from __future__ import annotations

import ast
import asyncio
import datetime as dt
import os
import random
import secrets
import time
import uuid
from collections.abc import Iterable
from typing import Any

from django.db import models, transaction
from django.utils import timezone

from durable_django.checks.name_resolver import UNKNOWN, NameResolver

_CLOCK = (
    dt.datetime.now,
    dt.datetime.today,
    dt.datetime.utcnow,
    dt.date.today,
    timezone.now,
    timezone.localtime,
    timezone.localdate,
    time.time,
    time.time_ns,
    time.monotonic,
    time.monotonic_ns,
    time.perf_counter,
    time.perf_counter_ns,
    time.localtime,
    time.gmtime,
)
_UUIDS = tuple(
    getattr(uuid, name)
    for name in ("uuid1", "uuid4", "uuid6", "uuid7", "uuid8")
    if hasattr(uuid, name)
)
_RANDOM = tuple(
    function
    for module in (random, secrets)
    for name in module.__all__
    if callable(function := getattr(module, name))
)
_OUTSIDE = (os.urandom, os.system, open)
#: Reading these is the trap, called or not.
AMBIENT = (os.environ,)

_RULES: tuple[tuple[Iterable[Any], str, str], ...] = (
    (
        _CLOCK,
        "it reads the clock, which tells another time on every replay.",
        "Use ctx.now(), or read the clock in a step.",
    ),
    (
        (time.sleep, asyncio.sleep),
        "it sleeps in the worker, and again on every replay.",
        "Use ctx.sleep(name, timedelta(…)), which holds no worker.",
    ),
    (
        _RANDOM,
        "it draws a random value, which differs on every replay.",
        "Use ctx.random, or draw it in a step.",
    ),
    (
        _UUIDS,
        "it makes an id, which differs on every replay.",
        "Use ctx.uuid(), or make it in a step.",
    ),
    (
        (os.getenv,),
        "it reads the process's environment, which may differ where it is replayed.",
        "Pass the value as an argument, or read it in a step.",
    ),
    (
        _OUTSIDE,
        "it reaches outside of the workflow, and again on every replay.",
        "Do it in a step.",
    ),
)
#: Whatever these packages define reaches outside.
_OUTSIDE_PACKAGES = (
    "requests",
    "httpx",
    "urllib.request",
    "urllib3",
    "http.client",
    "smtplib",
    "socket",
    "subprocess",
    "django.core.mail",
    "django.core.cache",
)
_THREADS = ("threading", "multiprocessing", "concurrent.futures")


def find_forbidden_call(node: ast.expr, names: NameResolver) -> tuple[str, str] | None:
    """Return the problem with calling this and the remedy, or None if nothing is known of it."""
    if _is_query(node, names):
        return (
            "it queries the database outside a step: on replay the answer may be another.",
            "Query in a step, and hand on what it returns.",
        )
    called = names.resolve(node)
    if called is UNKNOWN:
        return None
    for forbidden, problem, remedy in _RULES:
        if any(_is_same(called, one) for one in forbidden):
            return problem, remedy
    return _find_by_package(called)


def is_atomic(node: ast.expr, names: NameResolver) -> bool:
    """Return whether this is `transaction.atomic`, called or not."""
    return names.resolve(node.func if isinstance(node, ast.Call) else node) is transaction.atomic


def _is_same(called: Any, known: Any) -> bool:
    # By equality: a bound method is another object every time it is read.
    return called is known or (type(called) is type(known) and bool(called == known))


def _find_by_package(called: Any) -> tuple[str, str] | None:
    # Only what a package defines itself: an object may claim anything as its __module__.
    module = getattr(called, "__module__", None)
    if not isinstance(module, str):
        return None
    if _is_inside(module, _OUTSIDE_PACKAGES):
        return (
            "it reaches outside of the workflow, and again on every replay.",
            "Do it in a step.",
        )
    if _is_inside(module, _THREADS):
        return (
            "it starts a thread or a process; durable calls work in the body's own thread only.",
            "Start several executions instead, or do it inside one action.",
        )
    return None


def _is_inside(module: str, packages: Iterable[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _is_query(node: ast.expr, names: NameResolver) -> bool:
    """Return whether a chain of calls and attributes begins with a model's manager."""
    while isinstance(node, (ast.Attribute, ast.Call)):
        if isinstance(node, ast.Attribute):
            owner = names.resolve(node.value)
            if isinstance(owner, type) and issubclass(owner, models.Model):
                return isinstance(getattr(owner, node.attr, None), models.Manager)
            node = node.value
        else:
            node = node.func
    return False
