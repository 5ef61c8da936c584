"""Choose one process among those of a machine, without asking the database."""

from __future__ import annotations

import hashlib
import importlib
import logging
import os
import tempfile
from pathlib import Path
from types import ModuleType

logger = logging.getLogger(__name__)


def _find_fcntl() -> ModuleType | None:
    try:
        return importlib.import_module("fcntl")
    except ImportError:  # not POSIX
        return None


class Election:
    """Won by the process that holds a lock on a file; the system frees it when that one ends.

    Where there are no such locks, or the file cannot be had, everybody wins: more work for the
    doorbell, and no harm.
    """

    def __init__(self, name: str, directory: Path | None = None) -> None:
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        where = directory if directory is not None else Path(tempfile.gettempdir())
        user = os.getuid() if hasattr(os, "getuid") else "all"
        self._path = where / f"durable-ticker-{user}-{digest}.lock"
        self._file: int | None = None
        self._is_won = False

    def is_won(self) -> bool:
        """Say whether this process is the chosen one; try to become it if there is none."""
        if not self._is_won:
            self._is_won = self._try()
        return self._is_won

    def resign(self) -> None:
        """Let another process be chosen."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._is_won = False

    def _try(self) -> bool:
        fcntl = _find_fcntl()
        if fcntl is None:
            return True
        try:
            if self._file is None:
                # Not through a link that somebody else left in a directory open to all.
                flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
                self._file = os.open(self._path, flags, 0o600)
            # Not flock: a child that a step forks would inherit that, and keep it.
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            return self._file is None and isinstance(error, PermissionError)
        except OSError:
            logger.warning("No lock on %s: every worker ticks", self._path, exc_info=True)
            return True
        return True
