"""The results of a map: a sequence that reads its items when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any, Generic, TypeVar, overload

from durable_django.domain.checkpoint import Checkpoint

_TOTAL = "items:"
_LONGEST_TOTAL = 10

T = TypeVar("T")
#: Returns the outcomes of the items from one place up to another.
Read = Callable[[int, int], "list[T | Exception]"]


class MapResult(Sequence[T], Generic[T]):
    """The results of a map, in the order of its items, read a window at a time.

    Reading an item that failed (and was tolerated) raises its error; `succeeded` and `failed`
    pass over the others. Only inside the slice that made it; `list(result)` is an ordinary list,
    and it is stored as one, where a workflow returns it or hands it to a step or a child.
    """

    def __init__(
        self,
        keys: Sequence[str],
        failed_count: int,
        read: Read[T],
        window: int,
        note: Callable[[str, Exception], object] = lambda *_: None,
    ) -> None:
        self._keys = keys
        self._read = read
        self._window = window
        #: Told of an item's error, with its key, when reading the item raises it.
        self._note = note
        self._loaded: tuple[int, list[T | Exception]] = (0, [])
        #: How many items failed.
        self.failed_count = failed_count

    def __len__(self) -> int:
        """Return how many items there were."""
        return len(self._keys)

    @overload
    def __getitem__(self, place: int) -> T: ...

    @overload
    def __getitem__(self, place: slice) -> list[T]: ...

    def __getitem__(self, place: int | slice) -> T | list[T]:
        """Return the result of an item, or of several."""
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(f"There are {len(self)} items, and no item {place}.")
        return self._result(place % len(self))

    def __iter__(self) -> Iterator[T]:
        """Yield the results in the order of the items."""
        return (self._result(place) for place in range(len(self)))

    def __eq__(self, other: object) -> bool:
        """Compare with another sequence, item by item."""
        if not isinstance(other, Sequence) or len(other) != len(self):
            return NotImplemented if not isinstance(other, Sequence) else False
        return all(mine == yours for mine, yours in zip(self, other, strict=True))

    def __hash__(self) -> int:
        """Refuse: it is no key."""
        raise TypeError("unhashable type: 'MapResult'")

    def succeeded(self) -> Iterator[tuple[str, T]]:
        """Yield the key and the result of each item that completed."""
        for key, outcome in self._outcomes():
            if not isinstance(outcome, Exception):
                yield key, outcome

    def failed(self) -> Iterator[tuple[str, Exception]]:
        """Yield the key and the error of each item that failed."""
        for key, outcome in self._outcomes():
            if isinstance(outcome, Exception):
                yield key, outcome

    def _result(self, place: int) -> T:
        outcome = self._outcome(place)
        if isinstance(outcome, Exception):
            self._note(self._keys[place], outcome)
            raise outcome
        return outcome

    def _outcomes(self) -> Iterator[tuple[str, T | Exception]]:
        for place, key in enumerate(self._keys):
            yield key, self._outcome(place)

    def _outcome(self, place: int) -> T | Exception:
        begin, outcomes = self._loaded
        if not begin <= place < begin + len(outcomes):
            begin = place - place % self._window
            outcomes = self._read(begin, min(begin + self._window, len(self)))
            self._loaded = (begin, outcomes)
        return outcomes[place - begin]


def write_items(keys: Sequence[str]) -> str:
    """Return what a map's attempt holds as its witness: how many items it was given, and which."""
    digest = sha256()
    for key in keys:
        digest.update(f"{len(key)}:{key}".encode())
    return f"{_TOTAL}{len(keys)}:{digest.hexdigest()[:32]}"


def read_total(attempt: Checkpoint) -> int | None:
    """Return how many items a map's attempt was given; None if that was not noted."""
    digits = attempt.input_digest.removeprefix(_TOTAL).partition(":")[0]
    is_noted = attempt.input_digest.startswith(_TOTAL) and digits.isascii() and digits.isdigit()
    return int(digits) if is_noted and len(digits) < _LONGEST_TOTAL else None


def as_plain(value: Any) -> Any:
    """Return results of maps as lists, so that they can be stored: a value, or what is right in it."""
    if isinstance(value, MapResult):
        return list(value)
    if type(value) in (list, tuple) and any(isinstance(one, MapResult) for one in value):
        return type(value)(map(as_plain, value))
    if type(value) is dict and any(isinstance(one, MapResult) for one in value.values()):
        return {key: as_plain(one) for key, one in value.items()}
    return value
