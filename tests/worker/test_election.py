from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from durable_django.worker.election import Election

pytestmark = pytest.mark.skipif(os.name != "posix", reason="elsewhere everybody wins")

OTHER = """
import sys
from pathlib import Path
from durable_django.worker.election import Election
election = Election("cluster", Path(sys.argv[1]))
print(election.is_won(), flush=True)
sys.stdin.read(1)
"""


def start_other(directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 -- our own command
        [sys.executable, "-c", OTHER, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_one_process_wins_and_the_next_when_it_is_gone(tmp_path: Path) -> None:
    with start_other(tmp_path) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        election = Election("cluster", tmp_path)
        assert not election.is_won()
        assert Election("another cluster", tmp_path).is_won()
        other.kill()
        other.wait()
        assert election.is_won()
    with start_other(tmp_path) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "False\n"
    election.resign()


def test_a_child_does_not_inherit_it(tmp_path: Path) -> None:
    election = Election("cluster", tmp_path)
    assert election.is_won()
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read(1)"],
        stdin=subprocess.PIPE,
        close_fds=False,
    )
    election.resign()
    with start_other(tmp_path) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
    child.communicate(b"x")


def test_everybody_wins_where_the_file_cannot_be_had(tmp_path: Path) -> None:
    election = Election("cluster", tmp_path / "missing")
    assert election.is_won()


def test_a_link_that_somebody_left_is_not_followed(tmp_path: Path) -> None:
    Election("cluster", tmp_path).is_won()
    [path] = tmp_path.iterdir()
    path.unlink()
    target = tmp_path / "target"
    path.symlink_to(target)
    assert Election("cluster", tmp_path).is_won()
    assert not target.exists()
