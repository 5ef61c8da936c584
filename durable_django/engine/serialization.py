"""The one gate between values and stored text: every payload is encoded, measured and read here.

Whatever goes wrong with a payload is a PayloadError that says whose payload it is, and never holds
its content. Errors that say nothing about the payload (the disk, the network, the database behind
a model reference) pass through, because trying again may help.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from durable_django.exceptions import PayloadError
from durable_django.ports.codec import Codec

_DIGEST_LENGTH = 32
_MAX_DIGITS = 4300
_MAX_SEGMENTS = 12
_MAX_KEY_LENGTH = 40
#: Possessive, and satisfied by a string that never ends: linear whatever the text is.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+', re.DOTALL)
_EMPTY = re.compile(r"\[\s*+\]|\{\s*+\}")
_BRACKET = re.compile(r"[\[\]{}]")


@runtime_checkable
class KeyedDigests(Protocol):
    """A codec whose text differs each time, so that it must digest what the text stands for."""

    def digests(self, text: str) -> Sequence[str]:
        """Return the digest of the text's value under every key, the one to store first."""


@runtime_checkable
class SealedTexts(Protocol):
    """A codec whose text hides another's, as an encrypting one does."""

    def unseal(self, text: str) -> str:
        """Return the hidden text, without turning it into a value."""


class Payloads:
    """Values to text and back, within limits. Safe to share between threads.

    Limits: `max_bytes` of text, UTF-8, and `max_depth` levels of containers in it (a tag is a
    level), both included, for what is written; `max_nodes` values besides, for text from outside.
    What is stored already is read whatever the limits are now.
    """

    def __init__(
        self,
        codec: Codec,
        *,
        max_bytes: int = 262_144,
        max_depth: int = 20,
        max_nodes: int = 10_000,
        transient: tuple[type[Exception], ...] = (OSError,),
    ) -> None:
        self._codec = codec
        self._max_bytes = max_bytes
        self._max_depth = max_depth
        self._max_nodes = max_nodes
        self._transient = transient
        self._digests = codec.digests if isinstance(codec, KeyedDigests) else None
        self._unseal = codec.unseal if isinstance(codec, SealedTexts) else None

    def encode(self, value: Any, what: str, serialize: Callable[[Any], Any] | None = None) -> str:
        """Return the text of `value`, first passed through `serialize` if one is given.

        Raises:
            PayloadError: It cannot be stored: a type, too deep, too large. `what` says whose
                value it is: "Result of step 'charge'".
        """
        try:
            text: object = self._codec.encode(value if serialize is None else serialize(value))
        except PayloadError as exc:
            raise PayloadError(what, exc.problem) from exc
        except self._transient:
            raise
        except Exception as exc:  # a codec, a serialize hook or the value's own code may raise any
            raise PayloadError(
                what, _explain(f"encoding type {type(value).__qualname__}", exc)
            ) from exc
        if not isinstance(text, str):
            raise PayloadError(what, f"the codec returned {type(text).__name__}, not text.")
        self._check_size(text, what, f"a value of type {type(value).__qualname__}")
        self._check_written_depth(text, what)
        return text

    def decode(self, text: str, what: str, deserialize: Callable[[Any], Any] | None = None) -> Any:
        """Return the value of stored text, passed through `deserialize` if one is given.

        Raises:
            PayloadError: It is not the codec's text, or names what is no longer there.
        """
        try:
            value = self._codec.decode(text)
            return value if deserialize is None else deserialize(value)
        except PayloadError as exc:
            raise PayloadError(what, exc.problem) from exc
        except self._transient:
            raise
        except Exception as exc:  # as in encode
            raise PayloadError(what, _explain("decoding", exc)) from exc

    def unseal(self, text: str, what: str) -> str:
        """Return stored text decrypted, and no more than that: for showing it to people.

        Unlike `decode` it fetches no model reference and builds no object of the user's.

        Raises:
            PayloadError: No key opens it, or it was changed.
        """
        if self._unseal is None:
            return text
        try:
            return self._unseal(text)
        except PayloadError as exc:
            raise PayloadError(what, exc.problem) from exc
        except self._transient:
            raise
        except Exception as exc:  # as in encode
            raise PayloadError(what, _explain("decrypting", exc)) from exc

    def round_trip(
        self,
        value: Any,
        what: str,
        serialize: Callable[[Any], Any] | None = None,
        deserialize: Callable[[Any], Any] | None = None,
    ) -> tuple[str, Any]:
        """Return the text of `value` and the value of that text, as replay will see it.

        What would be written and then not be readable is refused before it is written.

        Raises:
            PayloadError: As `encode` and `decode`.
        """
        text = self.encode(value, what, serialize)
        return text, self.decode(text, what, deserialize)

    def digest(self, text: str) -> str:
        """Return 32 characters that tell whether two encoded values are the same.

        Of an encrypted text: keyed, and of the value, so that encoding it anew changes nothing.
        Compare with a stored one through `is_digest_of`: keys rotate.
        """
        if self._digests is not None:
            return self._digests(text)[0][:_DIGEST_LENGTH]
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_LENGTH]

    def is_digest_of(self, digest: str, text: str) -> bool:
        """Return whether `digest` was made of this value, under any key that is still known."""
        if self._digests is not None:
            return digest in [known[:_DIGEST_LENGTH] for known in self._digests(text)]
        return digest == self.digest(text)

    def check_text(self, text: str, what: str) -> Any:
        """Return the JSON value of text from outside (an API body), having checked it.

        The value is plain data. Store it through `encode`, which escapes what looks like a tag;
        never hand the text itself to a store.

        Raises:
            PayloadError: Not JSON, too large, too deep, too many values, a key given twice, a
                number without an exact meaning (NaN, Infinity, 1e999, more than 4300 digits).
        """
        self._check_size(text, what, "the text")
        self._check_structure(text, what)
        try:
            return _parse_strictly(text)
        except json.JSONDecodeError as exc:
            raise PayloadError(what, f"is not JSON: {exc.msg} at character {exc.pos}.") from None
        except RecursionError:
            raise PayloadError(what, "is nested too deep to be read here.") from None
        except ValueError as exc:
            raise PayloadError(what, f"{exc}.") from None

    def _check_size(self, text: str, what: str, subject: str) -> None:
        size = len(text)
        if size <= self._max_bytes and not text.isascii():
            try:
                size = len(text.encode())
            except UnicodeEncodeError:
                raise PayloadError(what, f"{subject} holds a lone surrogate.") from None
        if "\0" in text:
            raise PayloadError(what, f"{subject} holds a NUL character.")
        if size > self._max_bytes:
            raise PayloadError(
                what,
                f"{subject} is {size} bytes as text, and the limit is {self._max_bytes}. Store "
                f"the data yourself and pass on a reference, or raise the limit.",
            )

    def _check_written_depth(self, text: str, what: str) -> None:
        """Refuse text that nests too deep. A codec's text that is no JSON has no depth."""
        if not _is_deeper(text, self._max_depth):
            return
        try:
            path, kind = _find_beyond(json.loads(text), self._max_depth)
        except RecursionError:
            path, kind = "$", "value"
        except ValueError:
            return
        raise PayloadError(
            what, f"{path} is a {kind} nested more than {self._max_depth} levels deep as JSON."
        )

    def _check_structure(self, text: str, what: str) -> None:
        """Refuse deep nesting and too many values without parsing: parsing is what they hurt."""
        if _is_deeper(text, self._max_depth):
            raise PayloadError(what, f"is nested more than {self._max_depth} levels deep.")
        if len(text) <= self._max_nodes:
            return
        bare = _STRING.sub("0", text)
        containers = bare.count("[") + bare.count("{") - len(_EMPTY.findall(bare))
        nodes = 1 + bare.count(",") + containers
        if nodes > self._max_nodes:
            raise PayloadError(what, f"holds {nodes} values, and the limit is {self._max_nodes}.")


def _is_deeper(text: str, limit: int) -> bool:
    """Return whether JSON text nests deeper than `limit`, in time linear in its length."""
    if text.count("[") + text.count("{") <= limit:
        return False
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > limit:
            return True
    return False


def _find_beyond(value: Any, limit: int) -> tuple[str, str]:
    """Return the path and the kind of the first container beyond `limit` levels; there is one."""
    rest: list[tuple[Any, tuple[str, ...]]] = [(value, ())]
    while True:
        part, path = rest.pop()
        if isinstance(part, dict):
            inside = [(item, (*path, f".{key[:_MAX_KEY_LENGTH]}")) for key, item in part.items()]
        elif isinstance(part, list):
            inside = [(item, (*path, f"[{index}]")) for index, item in enumerate(part)]
        else:
            continue
        if len(path) >= limit:
            half = _MAX_SEGMENTS // 2
            shown = path if limit <= _MAX_SEGMENTS else (*path[:half], "…", *path[-half:])
            return "$" + "".join(shown), "dict" if isinstance(part, dict) else "list"
        rest.extend(reversed(inside))


def _explain(act: str, exc: Exception) -> str:
    # Not the message: it may quote the content.
    return f"{act} failed with {type(exc).__name__}."


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("has an object with the same key twice")
    return value


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"has the number {constant}, which is not JSON")


def _read_integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"has an integer of more than {_MAX_DIGITS} digits")
    return int(digits)


def _read_float(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError("has a number too large for a float")
    return number


_parse_strictly = json.JSONDecoder(
    object_pairs_hook=_refuse_duplicates,
    parse_constant=_refuse_constant,
    parse_int=_read_integer,
    parse_float=_read_float,
).decode
