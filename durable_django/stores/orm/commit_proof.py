"""Whether a transaction that ran other people's code did commit.

Django rolls an outer `atomic()` back without raising when code inside it swallowed a database
error, called `set_rollback(True)` or closed the connection. Only an `on_commit` callback knows.
"""

from __future__ import annotations

from django.db import connections, transaction


class CommitProof:
    """Make one inside a transaction; ask it once the block has ended."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._has_fired = False
        transaction.on_commit(self._fire, using=alias)

    def holds(self) -> bool:
        """Say whether the transaction committed, or still will as far as is known.

        The latter is all that can be had inside a TestCase, which never commits: there the
        callback waits with the outer transaction, and a rolled-back savepoint drops it.
        """
        if self._has_fired:
            return True
        connection = connections[self._alias]
        return any(callback == self._fire for _, callback, *_ in connection.run_on_commit)

    def _fire(self) -> None:
        self._has_fired = True
