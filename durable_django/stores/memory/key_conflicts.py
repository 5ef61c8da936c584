"""What a start does to those that have its key already, where it is to be the new one's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from durable_django.domain.event import replaced_by
from durable_django.domain.execution import NewExecution
from durable_django.domain.limit import refused_line
from durable_django.domain.status import OnConflict
from durable_django.exceptions import InvalidTransitionError
from durable_django.stores.memory.steering import Steering
from durable_django.stores.memory.tables import Record


class KeyConflicts(Steering):
    """How a key changes hands."""

    def _check_line(self, new: NewExecution) -> None:
        """Refuse to stand in line behind an execution that is under another limit."""
        for record in self._earlier(new):
            held = record.execution
            if held.limit_key not in ("", new.limit_key):
                raise refused_line(held.workflow_name, new.key or "", held.id, held.limit_key)

    def _take_over(self, new: NewExecution, now: datetime) -> None:
        """Have whoever holds the key give it up; with REPLACE it is cancelled, if it goes on."""
        holder_id = self._ids_by_key.get((new.workflow_name, new.key or ""))
        if holder_id is None:
            return
        self._find(holder_id).update(now, holds_key=None)
        if new.on_conflict is OnConflict.REPLACE:
            event = replaced_by(holder_id, new.id, new.key or "")
            try:
                is_new = self.request_cancel(holder_id, event.reason, compensates=True)
            except InvalidTransitionError:
                return  # it has ended, or is on its way to an end
            if is_new:
                self.add_event(event)
            return
        for record in self._earlier(new):
            if not record.execution.limit_key:
                record.update(now, limit_key=new.limit_key, limit_max=new.limit_max)
                self._admit_at_once(record)

    def _earlier(self, new: NewExecution) -> Iterator[Record]:
        """Yield those with the key that have not ended."""
        for record in self._records.values():
            held = record.execution
            has_key = (held.workflow_name, held.key) == (new.workflow_name, new.key)
            if has_key and not held.is_terminal:
                yield record


def takes_over(new: NewExecution) -> bool:
    """Say whether the key is the new execution's, whoever has it now."""
    return new.key is not None and new.on_conflict in (OnConflict.REPLACE, OnConflict.QUEUE)
