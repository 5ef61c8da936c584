"""What the tests' workflows leave behind. No migrations: the tables come with the test database."""

from __future__ import annotations

from django.db import models


class LedgerEntry(models.Model):
    """One effect of one step, written as the step committed, or as it began."""

    execution_id = models.UUIDField(db_index=True)
    name = models.CharField(max_length=100)
    written_at = models.DateTimeField()
    pid = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"{self.name} of {self.execution_id}"
