# Workflow bodies that go wrong, and some that do not. Never run: only their source is read.
# Most of it is what the linter is against, too:
# ruff: noqa: B012, BLE001, DTZ011, E722, F821, ICN001, PLC0208, PLC0415, PTH123, S110, S311, S607, SIM105
from __future__ import annotations

import asyncio
import datetime as calendar
import os
import random
import secrets
import subprocess
import threading
import time
import uuid
from datetime import UTC, date, datetime
from os import environ
from random import randint as roll
from uuid import uuid4

from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone


def pay(*args):
    return args


# --- clock, sleep, chance, ids, environment ---


def asks_datetime(ctx):
    return datetime.now(UTC)


def asks_datetime_through_alias(ctx):
    return calendar.datetime.now(UTC)


def asks_date(ctx):
    return date.today()


def asks_django_for_now(ctx):
    return timezone.now()


def asks_time(ctx):
    return time.time()


def asks_monotonic(ctx):
    return time.monotonic()


def hands_the_clock_to_a_step(ctx):
    return ctx.step("pay", pay, datetime.now(UTC))


def sleeps(ctx):
    time.sleep(1)


def sleeps_asynchronously(ctx):
    asyncio.run(asyncio.sleep(1))


def draws(ctx):
    return random.random()


def draws_by_name(ctx):
    return roll(1, 6)


def draws_a_secret(ctx):
    return secrets.token_hex()


def makes_an_id(ctx):
    return uuid4()


def makes_an_id_by_module(ctx):
    return uuid.uuid1()


def imports_inside(ctx):
    from time import time as present

    return present()


def reads_environ(ctx):
    return os.environ["REGION"]


def reads_environ_by_name(ctx):
    return "REGION" in environ


def calls_getenv(ctx):
    return os.getenv("REGION")


# --- the outside world ---


def queries(ctx):
    return User.objects.filter(is_staff=True).order_by("pk").first()


def opens_a_file(ctx):
    with open("/etc/hosts") as file:
        return file.read()


def runs_a_program(ctx):
    subprocess.run(["true"], check=True)


def sends_mail(ctx):
    send_mail("subject", "body", "a@example.org", ["b@example.org"])


def starts_a_thread(ctx):
    threading.Thread(target=pay).start()


def goes_over_a_set(ctx, names):
    for name in {"a", "b"}:
        ctx.step(name, pay)


def goes_over_a_set_of_arguments(ctx, names):
    return [ctx.step(name, pay) for name in set(names)]


# --- in the way of suspension ---


def swallows_everything(ctx):
    try:
        ctx.step("pay", pay)
    except:
        pass


def swallows_base_exceptions(ctx):
    try:
        ctx.wait_signal("paid")
    except (ValueError, BaseException):
        return


def waits_in_finally(ctx):
    try:
        pay()
    finally:
        ctx.step("release", pay)


def returns_from_finally(ctx):
    try:
        ctx.sleep("night", None)
    finally:
        return


def steps_in_a_transaction(ctx):
    with transaction.atomic():
        ctx.step("pay", pay)


def hands_the_context_on_in_a_transaction(ctx):
    with transaction.atomic(using="default"):
        pay(ctx, 5)


def steps_in_an_action(ctx):
    return ctx.step("pay", lambda: ctx.step("inner", pay))


# --- nothing wrong ---


def does_it_right(ctx, order_id):
    begun = ctx.now()
    number = ctx.uuid()
    chance = ctx.random.random()
    try:
        ctx.step("pay", pay, order_id, begun, number, chance)
    except Exception:
        ctx.step("refund", pay)
    for name in sorted({"a", "b"}):
        ctx.step(name, pay)
    ctx.sleep("night", calendar.timedelta(hours=8))
    return ctx.step(f"ship {name}", pay)


def acts_inside_actions(ctx):
    def charge():
        with transaction.atomic():
            return User.objects.count(), datetime.now(UTC)

    ctx.step("charge", charge)
    ctx.step("id", lambda: uuid4().hex)
    ctx.step("clock", time.time)
    ctx.step("mail", send_mail, "subject", "body", "a@example.org", ["b@example.org"])


def raises_again(ctx):
    try:
        ctx.step("pay", pay)
    except BaseException:
        pay()
        raise


def swallows_where_nothing_is_durable(ctx):
    try:
        pay()
    except BaseException:
        pass


def cleans_up_plainly(ctx):
    try:
        ctx.step("pay", pay)
    finally:
        pay()


def has_a_variable_called_random(ctx, time):
    random = ctx.random
    time.sleep()
    return random.random()


def calls_what_nobody_knows(ctx):
    return no_such_name.now(), pay().now()


def says_so(ctx):
    begun = time.time()  # durable: ok
    return pay(
        begun,
        random.random(),  # durable: ok -- only for the log
    )


def is_silent_about_one_line_only(ctx):
    begun = time.time()  # durable: ok
    return begun, time.time()
