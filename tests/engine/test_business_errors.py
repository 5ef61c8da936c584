from __future__ import annotations

from dataclasses import replace

import pytest

from durable_django.codecs.tagged_json import TaggedJsonCodec
from durable_django.domain.error_record import ErrorRecord
from durable_django.engine.business_errors import BusinessErrors
from durable_django.engine.error_recorder import ErrorRecorder
from durable_django.engine.serialization import Payloads

business = BusinessErrors(ErrorRecorder(), Payloads(TaggedJsonCodec(), max_bytes=1000))


class Declined(Exception):  # noqa: N818 -- as shops name theirs
    pass


class Stolen(Declined):
    pass


class Other(Exception):  # noqa: N818
    pass


class Counting(Exception):  # noqa: N818
    """Does more in its `__init__` than to set attributes."""

    made = 0

    def __init__(self, code):
        type(self).made += 1
        super().__init__(f"code {code}")
        self.code = code


class Picky(Exception):  # noqa: N818
    def __init__(self, code):
        if code not in {"a", "b"}:
            raise LookupError(code)
        super().__init__("picky")
        self.code = code


def there_and_back(error, *raises, named_later=None):
    record = business.record(error, raises, attempts=2)
    stored = ErrorRecord.from_text(record.to_text())
    return business.rebuild(stored, raises if named_later is None else named_later)


def test_a_subclass_is_raised_as_the_class_that_is_named():
    assert type(there_and_back(Stolen("card"), Declined)) is Declined


def test_a_subclass_that_is_named_too_is_raised_as_itself():
    assert type(there_and_back(Stolen("card"), Declined, Stolen)) is Stolen


def test_the_database_cannot_choose_the_class():
    record = business.record(Declined("card"), (Exception,), attempts=1)
    forged = replace(record, type="subprocess.CalledProcessError")

    assert type(business.rebuild(forged, (Exception,))) is Exception


def test_a_formatter_decides_all_that_is_stored():
    recorder = ErrorRecorder(lambda _: "hidden")
    redacting = BusinessErrors(recorder, Payloads(TaggedJsonCodec()))

    record = redacting.record(Declined("4111"), (Declined,), attempts=1)

    assert "4111" not in record.to_text()
    assert redacting.rebuild(record, (Declined,)).args == ("hidden",)


def test_a_subclass_that_is_not_loaded_is_raised_as_the_class_that_is_named():
    record = business.record(Stolen("card"), (Declined,), attempts=1)
    elsewhere = ErrorRecord(
        type="shop.Vanished", message=record.message, args=record.args, code=record.code
    )

    rebuilt = business.rebuild(elsewhere, (Declined,))

    assert type(rebuilt) is Declined
    assert rebuilt.args == ("card",)


def test_the_class_comes_from_the_code_and_never_from_the_database():
    record = business.record(Declined("no"), (Declined,), attempts=1)

    assert business.rebuild(record, (Other,)) is None
    assert business.rebuild(record, ()) is None


def test_an_error_that_was_no_business_error_is_none_now():
    record = ErrorRecorder().record(Declined("no"))

    assert business.rebuild(record, (Declined,)) is None


@pytest.mark.parametrize("error", [Counting("x"), Picky("a")], ids=["message", "picky"])
def test_an_init_of_its_own_is_no_hindrance(error):
    rebuilt = there_and_back(error, type(error))

    assert (str(rebuilt), rebuilt.code) == (str(error), error.code)


def test_notes_are_kept():
    error = Declined("no")
    error.add_note("asked twice")

    assert there_and_back(error, Declined).__notes__ == ["asked twice"]


@pytest.mark.parametrize(
    ("error", "args"),
    [
        pytest.param(Declined(object()), None, id="no payload"),
        pytest.param(Declined("x" * 5000), None, id="too large"),
        pytest.param(Declined(), (), id="none"),
        pytest.param(Declined(None, (1, 2), b"b"), (None, (1, 2), b"b"), id="tagged"),
    ],
)
def test_args_that_cannot_be_stored_become_the_message(error, args):
    rebuilt = there_and_back(error, Declined)

    message = business.record(error, (Declined,), attempts=1).message
    assert rebuilt.args == ((message,) if args is None else args)


@pytest.mark.parametrize(
    "damaged", ["", "7", "[]", "[[1]]", "[7,{}]", "[[1],7]", '[{"$x":1},{}]', "{"]
)
def test_what_is_damaged_in_the_database_is_still_that_class(damaged):
    record = business.record(Declined("no"), (Declined,), attempts=1)
    stored = ErrorRecord(type=record.type, message="no", code=record.code, args=damaged)

    rebuilt = business.rebuild(stored, (Declined,))

    assert (type(rebuilt), rebuilt.args) == (Declined, ("no",))
