"""What an atomic step leaves behind: a row of the project's own, in the engine's database."""

from __future__ import annotations

from django.db import models


class Effect(models.Model):
    """One run of an atomic action that committed. Nothing keeps a second one out: the engine must."""

    execution_id = models.UUIDField(db_index=True)
    step = models.CharField(max_length=200)

    def __str__(self) -> str:
        return f"{self.step} of {self.execution_id}"
