"""Die at every point of one act, on a new scene each time, and look at what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from django.db import connection, connections

from tests.crash_points.instrument import DIED, Instrument, die
from tests.crash_points.ledger import Ledger
from tests.crash_points.process import Child

#: Begin, statements, commit, each from both sides: fewer points mean that the instrument is blind.
MIN_POINTS = 10

Scene = TypeVar("Scene")
#: As the fixture gives it: arrange, act.
DieEverywhere = Callable[[Callable[[], Any], Callable[..., object]], Iterator[Any]]


def die_everywhere(
    arrange: Callable[[], Scene],
    act: Callable[[Scene], object],
    directory: Path,
    *,
    stride: int = 1,
) -> Iterator[tuple[Scene, bool]]:
    """Arrange, and act in a process that dies later each time, until one lives.

    Every `stride`-th point is tried, from the one before the first act on, and always the last:
    after the last act. Yields each scene, and whether its process died.
    """
    number, died = 1, True
    while died:
        scene, died = _act_and_die(arrange, act, number, directory)
        yield scene, died
        number += stride
    lived = number - stride
    for last in range(lived - 1, lived - stride, -1):
        scene, died = _act_and_die(arrange, act, last, directory)
        yield scene, died
        if died:
            break
    assert lived >= MIN_POINTS


def _act_and_die(
    arrange: Callable[[], Scene], act: Callable[[Scene], object], fatal: int, directory: Path
) -> tuple[Scene, bool]:
    scene = arrange()
    connections.close_all()

    def run() -> None:
        with Instrument(fatal, die).watching(connection):
            act(scene)

    ledger = Ledger(directory / f"{fatal}.jsonl")
    code = Child(ledger, run).wait()
    assert code in {0, DIED}, ledger.path.read_text()
    return scene, code == DIED
