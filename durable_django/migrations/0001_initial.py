import django.db.models.deletion
import durable_django.domain.identifiers
from django.db import migrations, models

from durable_django.migrations._exact_text import compare_text_exactly


#: What is compared as a name or a key: equal only if every character is.
EXACT_COLUMNS = {
    "workflow": ["name"],
    "workflowexecution": ["workflow_name", "queue", "key", "waiting_for"],
    "stepcheckpoint": ["key"],
    "workflowtimer": ["key"],
    "workflowsignal": ["name", "dedupe_key"],
    "doorbell": ["slot"],
}


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Doorbell",
            fields=[
                ("slot", models.CharField(max_length=255, primary_key=True, serialize=False)),
                ("pending_until", models.DateTimeField()),
            ],
            options={
                "verbose_name": "doorbell",
                "verbose_name_plural": "doorbells",
            },
        ),
        migrations.CreateModel(
            name="WorkerHeartbeat",
            fields=[
                ("id", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("host", models.CharField(blank=True, default="", max_length=255)),
                ("pid", models.PositiveBigIntegerField(default=0)),
                ("kind", models.CharField(blank=True, default="", max_length=32)),
                ("queues", models.TextField(blank=True, default="")),
                ("claimed", models.PositiveBigIntegerField(default=0)),
                ("finished", models.PositiveBigIntegerField(default=0)),
                ("started_at", models.DateTimeField()),
                ("beat_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "worker",
                "verbose_name_plural": "workers",
                "indexes": [models.Index(fields=["beat_at"], name="durable_worker_by_beat")],
            },
        ),
        migrations.CreateModel(
            name="Workflow",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
                ("version", models.PositiveIntegerField()),
            ],
            options={
                "verbose_name": "workflow",
                "verbose_name_plural": "workflows",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("name", "version"), name="durable_workflow_one_per_version"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="WorkflowExecution",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=durable_django.domain.identifiers.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("workflow_name", models.CharField(max_length=200)),
                ("workflow_version", models.PositiveIntegerField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("running", "running"),
                            ("suspended", "suspended"),
                            ("compensating", "compensating"),
                            ("paused", "paused"),
                            ("parked", "parked"),
                            ("completed", "completed"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                        ],
                        default="pending",
                        max_length=16,
                    ),
                ),
                ("queue", models.CharField(default="default", max_length=255)),
                ("priority", models.PositiveSmallIntegerField(default=0)),
                (
                    "key",
                    models.CharField(
                        blank=True, db_column="execution_key", max_length=255, null=True
                    ),
                ),
                (
                    "guarantee",
                    models.CharField(
                        choices=[("background", "background"), ("foreground", "foreground")],
                        default="background",
                        max_length=16,
                    ),
                ),
                ("correlation_id", models.CharField(blank=True, default="", max_length=255)),
                ("tags", models.JSONField(blank=True, default=list)),
                ("input", models.TextField(default="null")),
                ("output", models.TextField(blank=True, null=True)),
                ("error", models.TextField(blank=True, null=True)),
                (
                    "park_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("nondeterminism", "nondeterminism"),
                            ("unknown_workflow", "unknown workflow"),
                            ("poison", "poison"),
                            ("payload", "payload"),
                            ("failure", "failure"),
                            ("compensation_failed", "compensation failed"),
                        ],
                        max_length=32,
                        null=True,
                    ),
                ),
                (
                    "ending",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("pending", "pending"),
                            ("running", "running"),
                            ("suspended", "suspended"),
                            ("compensating", "compensating"),
                            ("paused", "paused"),
                            ("parked", "parked"),
                            ("completed", "completed"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                        ],
                        max_length=16,
                        null=True,
                    ),
                ),
                ("wake_at", models.DateTimeField(blank=True, null=True)),
                (
                    "order_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="The alarm less the head start of the priority; NULL if no worker may claim it.",
                        null=True,
                    ),
                ),
                (
                    "waiting_kind",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "nothing"),
                            ("timer", "timer"),
                            ("signal", "signal"),
                            ("retry", "retry"),
                            ("yield", "yield"),
                            ("deferred", "deferred"),
                        ],
                        default="",
                        max_length=16,
                    ),
                ),
                ("waiting_for", models.CharField(blank=True, default="", max_length=500)),
                ("fence", models.PositiveBigIntegerField(default=0)),
                ("lease_owner", models.CharField(blank=True, default="", max_length=64)),
                ("recoveries", models.PositiveIntegerField(default=0)),
                ("begun_fence", models.PositiveBigIntegerField(db_default=0, default=0)),
                ("epoch", models.PositiveIntegerField(default=0)),
                ("signal_count", models.PositiveBigIntegerField(default=0)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("cancel_requested_at", models.DateTimeField(blank=True, null=True)),
                ("cancel_reason", models.TextField(blank=True, default="")),
                ("cancel_compensates", models.BooleanField(default=True)),
                ("pause_requested_at", models.DateTimeField(blank=True, null=True)),
                ("progress", models.JSONField(blank=True, default=dict)),
                ("created_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("updated_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "workflow",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="executions",
                        to="durable_django.workflow",
                    ),
                ),
            ],
            options={
                "verbose_name": "execution",
                "verbose_name_plural": "executions",
            },
        ),
        migrations.CreateModel(
            name="StepCheckpoint",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(db_column="call_key", max_length=500)),
                ("name", models.CharField(max_length=500)),
                ("position", models.PositiveIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("step", "step"),
                            ("sleep", "sleep"),
                            ("signal", "signal"),
                            ("undo", "undo"),
                        ],
                        max_length=16,
                    ),
                ),
                ("attempt", models.PositiveIntegerField(default=1)),
                ("epoch", models.PositiveIntegerField(default=0)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("intent", "intent"),
                            ("completed", "completed"),
                            ("failed", "failed"),
                            ("compensated", "compensated"),
                        ],
                        max_length=16,
                    ),
                ),
                ("action", models.TextField(blank=True, default="")),
                ("compensation", models.TextField(blank=True, default="")),
                ("input", models.TextField(blank=True, default="")),
                ("input_digest", models.CharField(blank=True, default="", max_length=128)),
                ("output", models.TextField(blank=True, null=True)),
                ("error", models.TextField(blank=True, null=True)),
                ("is_final", models.BooleanField(default=False)),
                ("retry_at", models.DateTimeField(blank=True, null=True)),
                ("idempotency_key", models.CharField(blank=True, default="", max_length=64)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("completed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "execution",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="checkpoints",
                        to="durable_django.workflowexecution",
                    ),
                ),
            ],
            options={
                "verbose_name": "checkpoint",
                "verbose_name_plural": "checkpoints",
            },
        ),
        migrations.CreateModel(
            name="WorkflowSignal",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=durable_django.domain.identifiers.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("payload", models.TextField()),
                ("position", models.PositiveBigIntegerField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("delivered", "delivered"),
                            ("expired", "expired"),
                            ("dead", "dead"),
                        ],
                        default="pending",
                        max_length=16,
                    ),
                ),
                ("dedupe_key", models.CharField(blank=True, max_length=255, null=True)),
                ("created_at", models.DateTimeField()),
                ("delivered_at", models.DateTimeField(blank=True, null=True)),
                (
                    "execution",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="signals",
                        to="durable_django.workflowexecution",
                    ),
                ),
            ],
            options={
                "verbose_name": "signal",
                "verbose_name_plural": "signals",
            },
        ),
        migrations.CreateModel(
            name="WorkflowTimer",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(db_column="call_key", max_length=500)),
                ("fire_at", models.DateTimeField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("fired", "fired"),
                            ("cancelled", "cancelled"),
                        ],
                        default="pending",
                        max_length=16,
                    ),
                ),
                (
                    "execution",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="timers",
                        to="durable_django.workflowexecution",
                    ),
                ),
            ],
            options={
                "verbose_name": "timer",
                "verbose_name_plural": "timers",
            },
        ),
        migrations.AddIndex(
            model_name="workflowexecution",
            index=models.Index(fields=["queue", "order_at"], name="durable_execution_claim"),
        ),
        migrations.AddIndex(
            model_name="workflowexecution",
            index=models.Index(fields=["status", "id"], name="durable_execution_by_status"),
        ),
        migrations.AddIndex(
            model_name="workflowexecution",
            index=models.Index(
                fields=["workflow_name", "id"], name="durable_execution_by_workflow"
            ),
        ),
        migrations.AddIndex(
            model_name="workflowexecution",
            index=models.Index(fields=["finished_at"], name="durable_execution_prune"),
        ),
        migrations.AddConstraint(
            model_name="workflowexecution",
            constraint=models.UniqueConstraint(
                fields=("workflow_name", "key"), name="durable_execution_key_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="workflowexecution",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            "pending",
                            "running",
                            "suspended",
                            "compensating",
                            "paused",
                            "parked",
                            "completed",
                            "failed",
                            "cancelled",
                        ],
                    )
                ),
                name="durable_execution_known_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="workflowexecution",
            constraint=models.CheckConstraint(
                condition=models.Q(("priority__gte", 0), ("priority__lte", 1000)),
                name="durable_execution_priority_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="workflowexecution",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("wake_at__isnull", True),
                    ("status__in", ["compensating", "pending", "running", "suspended"]),
                    _connector="OR",
                ),
                name="durable_execution_alarm_only_if_claimable",
            ),
        ),
        migrations.AddConstraint(
            model_name="workflowexecution",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("order_at__isnull", True),
                    models.Q(("guarantee", "background"), ("wake_at__isnull", False)),
                    _connector="OR",
                ),
                name="durable_execution_order_needs_alarm",
            ),
        ),
        migrations.AddConstraint(
            model_name="workflowexecution",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("order_at__isnull", False),
                    ("wake_at__isnull", True),
                    ("guarantee", "foreground"),
                    _connector="OR",
                ),
                name="durable_execution_alarm_is_ordered",
            ),
        ),
        migrations.AddConstraint(
            model_name="stepcheckpoint",
            constraint=models.UniqueConstraint(
                fields=("execution", "key", "attempt"), name="durable_checkpoint_attempt_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="stepcheckpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ["intent", "completed", "failed", "compensated"])
                ),
                name="durable_checkpoint_known_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="workflowsignal",
            constraint=models.UniqueConstraint(
                fields=("execution", "position"), name="durable_signal_position_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="workflowsignal",
            constraint=models.UniqueConstraint(
                fields=("execution", "dedupe_key"), name="durable_signal_dedupe_key_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="workflowsignal",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["pending", "delivered", "expired", "dead"])),
                name="durable_signal_known_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="workflowtimer",
            constraint=models.UniqueConstraint(
                fields=("execution", "key"), name="durable_timer_once_per_call"
            ),
        ),
        migrations.AddConstraint(
            model_name="workflowtimer",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["pending", "fired", "cancelled"])),
                name="durable_timer_known_status",
            ),
        ),
        migrations.RunPython(
            compare_text_exactly(EXACT_COLUMNS), migrations.RunPython.noop, atomic=False
        ),
    ]
