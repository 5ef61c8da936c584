"""Keep the leases of what this process runs from running out: one thread, one statement for all.

A lease that could not be renewed for two thirds of its length is in doubt: by the monotonic clock,
so that neither a stopped process nor a moved wall clock goes unnoticed. Its execution begins no
new action here; the fence guards what is already under way.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from uuid import UUID

from durable_django.domain.claim import Claim
from durable_django.ports.checkpoint_store import CheckpointStore

logger = logging.getLogger(__name__)


class LeaseKeeper:
    """Holds claims and renews them every third of the lease, in a daemon thread."""

    def __init__(
        self,
        store: CheckpointStore,
        lease: timedelta,
        *,
        renews: bool = True,
        on_thread_exit: Callable[[], object] | None = None,
    ) -> None:
        self._store = store
        self._lease = lease
        self._seconds = lease.total_seconds()
        self._renews = renews
        self._on_thread_exit = on_thread_exit
        self._held: dict[UUID, tuple[Claim, float]] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def hold(self, claims: Iterable[Claim], claimed_at: float | None = None) -> None:
        """Begin to renew these claims. `claimed_at`: monotonic seconds before they were claimed."""
        at = time.monotonic() if claimed_at is None else claimed_at
        with self._changed:
            self._held.update({claim.execution_id: (claim, at) for claim in claims})
            if self._held and self._renews and not self._is_closed:
                self._ensure_thread()

    def drop(self, claim: Claim) -> None:
        """Stop renewing a claim."""
        with self._changed:
            held = self._held.get(claim.execution_id)
            if held is not None and held[0].fence == claim.fence:
                del self._held[claim.execution_id]

    def may_begin(self, claim: Claim) -> bool:
        """Say whether the lease is certain enough to begin an action under it."""
        with self._changed:
            held = self._held.get(claim.execution_id)
        if held is None or held[0].fence != claim.fence:
            return False
        return time.monotonic() - held[1] <= self._seconds * 2 / 3

    def renew_now(self) -> None:
        """Renew everything held; what is held no longer is let go of."""
        begun = time.monotonic()
        with self._changed:
            claims = [claim for claim, _ in self._held.values()]
        if not claims:
            return
        still_held = self._store.renew(claims, self._lease)
        with self._changed:
            for claim in claims:
                held = self._held.get(claim.execution_id)
                if held is None or held[0].fence != claim.fence:
                    continue
                if claim.execution_id in still_held:
                    self._held[claim.execution_id] = (claim, begun)
                else:
                    del self._held[claim.execution_id]

    def close(self) -> None:
        """End the thread; leases that are still held run out."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5)

    def _ensure_thread(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._loop, name="durable-lease-keeper", daemon=True
            )
            self._thread.start()

    def _loop(self) -> None:
        rest = self._seconds / 3
        try:
            while self._wait_for_turn(rest):
                try:
                    self.renew_now()
                except Exception:  # the database may be away; the leases are then in doubt
                    logger.exception("Leases could not be renewed")
                    # A connection that was cut does not mend itself: the next try needs a new one.
                    self._drop_connections()
                    rest = self._seconds / 12
                else:
                    rest = self._seconds / 3
        finally:
            self._drop_connections()

    def _drop_connections(self) -> None:
        if self._on_thread_exit is not None:
            self._on_thread_exit()

    def _wait_for_turn(self, seconds: float) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed, timeout=seconds)
            return not self._is_closed
