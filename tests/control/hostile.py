"""The hostile corpus (RELIABILITY 5): what must be refused with an error, or shown as plain text.

Reused by the tests of the admin, of the API and of the commands. The names are ids of tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest


def nest(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def loop() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


#: JSON texts from outside that are refused, and a pattern of the problem that is named.
HOSTILE_TEXTS: Mapping[str, tuple[str, str]] = {
    "nothing": ("", "is not JSON"),
    "no JSON": ("{'a': 1}", "is not JSON"),
    "unterminated": ('{"a": "b', "is not JSON"),
    "two values": ("1 2", "is not JSON"),
    "byte order mark": ("\ufeff1", "is not JSON"),
    "21 levels": ("[" * 21 + "]" * 21, "nested more than 20 levels"),
    "5,000 levels": ("[" * 5000 + "]" * 5000, "nested more than 20 levels"),
    "5,000 objects": ('{"a":' * 5000 + "1" + "}" * 5000, "nested more than 20 levels"),
    "100,000 unclosed": ("[" * 100_000, "nested more than 20 levels"),
    "depth behind a quote": ('["\\"]", ' + "[" * 5000, "nested more than 20 levels"),
    "NUL": ('"a\\u0000b"', "NUL"),
    "NUL deep inside": ('{"a": [{"b": "\\u0000"}]}', r"\$\.a\[0\]\.b holds a NUL"),
    "NUL in a key": ('{"\\u0000": 1}', "NUL"),
    "raw NUL": ('"\0"', "NUL"),
    "lone surrogate": ('"\\ud800"', "lone surrogate"),
    "low surrogate first": ('"\\udc00\\ud800"', "lone surrogate"),
    "surrogate in a key": ('{"\\udfff": 1}', "lone surrogate"),
    "raw surrogate": ('"\ud800"', "lone surrogate"),
    "NaN": ("NaN", "NaN"),
    "NaN inside": ('{"amount": NaN}', "NaN"),
    "Infinity": ("[Infinity]", "Infinity"),
    "minus Infinity": ("[-Infinity]", "-Infinity"),
    "1e999": ("1e999", "too large for a float"),
    "5,000 digits": ("9" * 5000, "more than 4300 digits"),
    "duplicate keys": ('{"a": 1, "a": 2}', "same key twice"),
    "duplicate keys in disguise": ('[{"a": 1, "\\u0061": 2}]', "same key twice"),
    "300 kB": ('"' + "x" * 300_000 + '"', "bytes as text, and the limit is 262144"),
    "300 kB once escaped": ('"' + "é" * 100_000 + '"', "bytes as text, and the limit is 262144"),
    "10,001 values": ("[" + "1," * 9_999 + "1]", "10001 values"),
    "10,001 keys": (
        "{" + ",".join(f'"{n}":1' for n in range(10_000)) + "}",
        "10001 values",
    ),
    "key of 201 characters": ('{"' + "k" * 201 + '": 1}', "key of 201 characters"),
}

#: Bytes that are no text at all.
HOSTILE_BYTES: Mapping[str, bytes] = {
    "not UTF-8": b'"\xff"',
    "UTF-16": '"a"'.encode("utf-16"),
    "overlong": b'"\xc0\x80"',
    "surrogate in UTF-8": b'"\xed\xa0\x80"',
}

#: Values that no JSON parser should have handed over, but one did; and the problem.
HOSTILE_VALUES: Mapping[str, tuple[Any, str]] = {
    "21 levels": (nest(21), "nested more than 20 levels"),
    "5,000 levels": (nest(5000), "nested more than 20 levels"),
    "inside itself": (loop(), "nested more than 20 levels"),
    "NUL": ({"a": ["\0"]}, r"\$\.a\[0\] holds a NUL"),
    "lone surrogate": ({"a": "\ud800"}, r"\$\.a holds a lone surrogate"),
    "surrogate in a key": ({"\ud800": 1}, "has a key that holds a lone surrogate"),
    "NaN": ({"a": float("nan")}, r"\$\.a is a float that JSON has no number for"),
    "infinity": ([float("-inf")], r"\$\[0\] is a float that JSON has no number for"),
    "5,000 digits": (10**4999, "more than 4300 digits"),
    "300 kB": ("x" * 300_000, "limit is 262144"),
    "10,001 values": ([0] * 10_000, "more than 10000 values"),
    "number as a key": ({1: "a"}, "has a key of type int"),
    "key of 201 characters": ({"k" * 201: 1}, "key of 201 characters"),
    "tuple": ((1, 2), "of type tuple, which is no JSON"),
    "bytes": ({"a": b"x"}, r"\$\.a is of type bytes"),
    "object": (object(), "of type object"),
}

#: Of these, what Python code may start and signal with all the same: it can be stored exactly.
STORABLE_FROM_PYTHON = frozenset(
    {
        *("NUL", "lone surrogate", "surrogate in a key", "10,001 values", "number as a key"),
        *("key of 201 characters", "tuple", "bytes"),
    }
)

#: Plain data that looks like what the codec writes: it must stay plain data.
FORGED_TAGS: Mapping[str, Any] = {
    "model": {"$model": {"model": "auth.user", "pk": 1}},
    "dataclass": {"$dataclass": "os:system", "command": "true"},
    "loaded dataclass": {"$dataclass": "tests.codecs.samples:Order", "number": 1},
    "enum": {"$enum": "tests.codecs.samples:Colour", "name": "RED"},
    "decimal": {"$decimal": "NaN"},
    "dict": {"$dict": [[["unhashable"], 1]]},
    "tuple": {"$tuple": [1]},
    "bytes": {"$bytes": "AAAA"},
    "fernet": {"$fernet": "gAAAAA"},
    "unknown": {"$nobody_knows": 1},
    "deep inside": {"a": [{"b": {"$model": {"model": "auth.user", "pk": 1}}}]},
    "beside others": {"$model": 1, "a": 2},
}

#: JSON texts that are accepted, odd as they are.
ODD_TEXTS: Mapping[str, str] = {
    "null": "null",
    "20 levels": "[" * 20 + "]" * 20,
    "more than 64 bits": "[18446744073709551616, -9223372036854775809]",
    "4,300 digits": "9" * 4300,
    "10,000 values": "[" + "1," * 9_998 + "1]",
    "surrogate pair": '"\\ud83d\\ude00"',
    "emoji": '"😀 e\u0301 \u202eabc\u200b"',
    "prototype": '{"__proto__": {"admin": true}, "constructor": 1}',
    "empty key": '{"": ""}',
    "spaces": " [ 1 , { } ] \n",
    "small number": "1e-999",
}

#: Texts that a page must show and never obey, for names, payloads, errors and reasons.
MARKUP: Mapping[str, str] = {
    "script": "<script>alert(1)</script>",
    "attribute": '"><img src=x onerror=alert(1)>',
    "quote": "' onmouseover='alert(1)",
    "url": "javascript:alert(1)",
    "template": "{{7*7}}{% debug %}",
    "comment": "<!--",
    "closing": "</script></textarea></svg>",
    "right to left": "\u202e\u2066gnp.exe",
    "zero width": "pass\u200bword",
    "line ends": "a\r\nb\u2028c\x1b[31m",
}


def params(samples: Mapping[str, Any]) -> list[Any]:
    """Return the samples for `parametrize`, each under its name: tuples are spread."""
    return [
        pytest.param(*(sample if isinstance(sample, tuple) else (sample,)), id=name)
        for name, sample in samples.items()
    ]
