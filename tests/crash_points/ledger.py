"""The ledger: a file that outlives every process that writes to it, one JSON object per line.

What the outside world saw (effects), and what the processes did and saw, in the order it happened:
a line is one write to a file opened for appending, so a process that dies leaves whole lines.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


class Ledger:
    """Appends lines; opens the file anew in every process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None
        self._pid = 0

    def write(self, what: str, **facts: Any) -> None:
        if self._file is None or self._pid != os.getpid():
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            self._pid = os.getpid()
        os.write(self._file, json.dumps({"what": what, **facts}, default=str).encode() + b"\n")

    def read(self) -> list[Entry]:
        """Return all lines, oldest first."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def rewrite(self, entries: list[Entry]) -> None:
        """Put these lines in the place of what is there; nobody may be writing."""
        self.close()
        self.path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))

    def close(self) -> None:
        """Give the file back in this process."""
        if self._file is not None and self._pid == os.getpid():
            os.close(self._file)
        self._file = None


def only(entries: list[Entry], what: str) -> list[Entry]:
    """Return the entries of one kind, in order."""
    return [entry for entry in entries if entry["what"] == what]
