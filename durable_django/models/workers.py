"""Signs of life, for people and as hints; never the truth."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from durable_django.domain.identifiers import MAX_KEY_LENGTH


class Doorbell(models.Model):
    """Whether somebody was told lately to look into a queue; a hint, never the truth."""

    slot = models.CharField(max_length=MAX_KEY_LENGTH, primary_key=True)
    pending_until = models.DateTimeField()

    class Meta:
        verbose_name = "doorbell"
        verbose_name_plural = "doorbells"

    def __str__(self) -> str:
        return f"{self.slot} until {self.pending_until:%Y-%m-%d %H:%M:%S}"


class WorkerHeartbeat(models.Model):
    """A process that advances executions, as it last reported itself; for people only."""

    id = models.CharField(max_length=64, primary_key=True)
    host = models.CharField(max_length=255, blank=True, default="")
    pid = models.PositiveBigIntegerField(default=0)
    kind = models.CharField(max_length=32, blank=True, default="")
    queues = models.TextField(blank=True, default="")
    claimed = models.PositiveBigIntegerField(default=0)
    finished = models.PositiveBigIntegerField(default=0)
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()

    class Meta:
        verbose_name = "worker"
        verbose_name_plural = "workers"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["beat_at"], name="durable_worker_by_beat"),
        ]

    def __str__(self) -> str:
        return f"{self.kind or 'worker'} {self.pid} on {self.host}"
