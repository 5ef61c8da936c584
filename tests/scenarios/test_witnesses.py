"""What a step was recorded with is compared on replay: people are told, and nothing stops."""

from __future__ import annotations

import pytest


def charge(amount):
    return f"charged {amount}"


def refund(amount):
    return f"refunded {amount}"


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ((charge, 1), []),
        ((charge, 2), ["arguments"]),
        ((refund, 1), ["action", "refund"]),
        ((refund, 2), ["action", "refund", "arguments"]),
        ((lambda: "charged", None), ["action", "arguments"]),
    ],
    ids=["same", "arguments", "action", "both", "no arguments"],
)
def test_a_step_that_is_not_what_it_was_is_told(driver, define, caplog, now, told):
    calls = [(charge, 1)]

    def body(ctx):
        action, amount = calls[-1]
        result = ctx.step("pay", action, *([] if amount is None else [amount]))
        ctx.wait_signal("go")
        return result

    execution = driver.start(define(body))
    calls.append(now)
    driver.signal(execution, "go")

    assert driver.result(execution) == "charged 1"
    messages = [r.getMessage() for r in caplog.records if "recorded with another" in r.getMessage()]
    assert len(messages) == bool(told)
    assert all(word in messages[0] for word in told)
