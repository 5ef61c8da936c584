"""Errors that a step names are outcomes: not retried, and raised as themselves, also on replay."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import RetryPolicy, StepFailedError

HOUR = timedelta(hours=1)


class CardDeclined(Exception):  # noqa: N818 -- as shops name theirs
    pass


class Stolen(CardDeclined):
    pass


class Refused(Exception):  # noqa: N818
    def __init__(self, code, amount):
        super().__init__(f"refused {amount}: {code}")
        self.code = code
        self.amount = amount


class Worded(Exception):  # noqa: N818
    """Takes one argument and makes a message of it, as very many do."""

    def __init__(self, code):
        super().__init__(f"Card declined: {code}")
        self.code = code


class KeywordOnly(Exception):  # noqa: N818
    def __init__(self, *, code):
        self.code = code


class Unstorable(Exception):  # noqa: N818
    def __init__(self, code):
        super().__init__(code, object())
        self.code = code
        self.socket = object()


def failing_with(error, log):
    def act():
        log.append("try")
        raise error

    return act


@pytest.fixture
def caught(driver, define, log):
    """Return what the body caught live and on replay of a step that raises `error`."""

    def run(error, *raises):
        seen = []

        def body(ctx):
            try:
                policy = RetryPolicy.fixed(3, timedelta(0))
                ctx.step("pay", failing_with(error, log), raises=raises, retry=policy)
            except Exception as got:  # noqa: BLE001 -- whatever came is what is asserted on
                seen.append(got)
            ctx.sleep("nap", HOUR)

        driver.start(define(body))
        driver.restart()
        driver.advance(hours=1)
        assert len(seen) == 2
        return seen

    return run


ERRORS = [
    CardDeclined("no funds", 5),
    Stolen("card 7"),
    Refused("limit", 100),
    Worded("limit"),
    KeywordOnly(code="limit"),
    KeyError("sku"),
    FileNotFoundError(2, "gone"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_it_is_raised_as_itself_live_and_on_replay(caught, log, error):
    # A base first: a class that is named itself is raised as itself all the same.
    raises = (CardDeclined, Stolen, Refused, Worded, KeywordOnly, KeyError, OSError)

    for got in caught(error, *raises):
        assert type(got) is type(error)
        assert str(got) == str(error)
        assert got.args == error.args
        assert getattr(got, "code", None) == getattr(error, "code", None)
    assert log == ["try"]


def test_of_what_cannot_be_stored_the_message_is_kept(caught):
    for got in caught(Unstorable("limit"), Unstorable):
        assert type(got) is Unstorable
        assert got.code == "limit"
        assert not hasattr(got, "socket")
        assert "limit" in str(got)


def test_another_error_of_the_step_is_a_failure_as_ever(caught, log):
    for got in caught(ValueError("odd"), CardDeclined):
        assert type(got) is StepFailedError
        assert got.error_type == "ValueError"


def test_an_error_the_code_no_longer_names_is_a_failed_step(driver, define, log):
    seen = []

    def body(raises):
        def body(ctx):
            try:
                ctx.step("pay", failing_with(CardDeclined("no"), log), raises=raises)
            except Exception as got:  # noqa: BLE001 -- as above
                seen.append(type(got))
            ctx.sleep("nap", HOUR)

        return body

    workflow = define(body((CardDeclined,)))
    driver.start(workflow)
    define(body(()), name=workflow.name)
    driver.advance(hours=1)

    assert seen == [CardDeclined, StepFailedError]


def test_uncaught_it_fails_the_workflow_under_its_own_name(driver, define, log):
    def body(ctx):
        ctx.step("reserve", log.action("reserve"), compensate=log.action("-reserve"))
        ctx.step("pay", failing_with(CardDeclined("no funds"), []), raises=(CardDeclined,))

    execution = driver.start(define(body))

    assert execution.status == "failed"
    assert execution.error.type.endswith("CardDeclined")
    assert execution.error.message == "no funds"
    assert log == ["reserve", "-reserve"]
