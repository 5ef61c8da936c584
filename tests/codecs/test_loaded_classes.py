from __future__ import annotations

import sys
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from tests.codecs.samples import THIS, Colour, Line, encode_problem


class TestClassesThatCouldNotBeFoundAgain:
    def test_local_dataclass_and_enum_are_refused_at_once(self):
        @dataclass
        class Local:
            a: int

        class LocalEnum(Enum):
            A = 1

        assert "which is defined inside a function; move it" in encode_problem([Local(1)])
        assert "which is defined inside a function; move it" in encode_problem(LocalEnum.A)

    def test_class_that_its_name_does_not_give_back_is_refused(self, monkeypatch):
        line = Line("a", Decimal(1))
        monkeypatch.setitem(sys.modules[THIS].__dict__, "Line", Colour)

        assert f"which is not what {THIS}:Line names" in encode_problem(line)

    def test_class_of_a_module_that_is_gone_is_refused(self):
        orphan = dataclass(type("Orphan", (), {"__module__": "no.such.module"}))

        assert "which is not what no.such.module:Orphan names" in encode_problem(orphan())
