import django.db.models.deletion
import durable_django.domain.identifiers
from django.db import migrations, models

from durable_django.migrations._exact_text import compare_text_exactly

EXACT_COLUMNS = {
    "workflowexecution": ["parent_key", "limit_key"],
    "eventsubscription": ["call_key", "topic"],
    "humantask": ["key", "assignee", "owner"],
    "humantaskcandidate": ["name"],
    "humantasklink": ["user"],
    "limitgroup": ["key"],
    "limitticket": ["group_key"],
    "schedule": ["name"],
    "workqueue": ["name"],
}


class Migration(migrations.Migration):
    dependencies = [
        ("durable_django", "0002_control_plane"),
    ]

    operations = [
        migrations.CreateModel(
            name="EventSubscription",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("call_key", models.CharField(max_length=500)),
                ("topic", models.CharField(max_length=200)),
            ],
            options={
                "verbose_name": "event subscription",
                "verbose_name_plural": "event subscriptions",
            },
        ),
        migrations.CreateModel(
            name="HumanTask",
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
                ("key", models.CharField(db_column="call_key", max_length=500)),
                ("name", models.CharField(max_length=200)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("claimed", "claimed"),
                            ("completed", "completed"),
                            ("cancelled", "cancelled"),
                            ("expired", "expired"),
                        ],
                        default="open",
                        max_length=16,
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="NULL once it is over: one is active per call.",
                        null=True,
                    ),
                ),
                ("title", models.CharField(blank=True, default="", max_length=255)),
                ("description", models.TextField(blank=True, default="")),
                ("display", models.TextField(blank=True, default="")),
                ("form", models.CharField(blank=True, default="", max_length=500)),
                ("fields", models.JSONField(blank=True, default=list)),
                ("assignee", models.CharField(blank=True, default="", max_length=255)),
                ("owner", models.CharField(blank=True, default="", max_length=255)),
                ("not_by", models.JSONField(blank=True, default=list)),
                ("priority", models.PositiveSmallIntegerField(default=0)),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("remind_every_seconds", models.FloatField(blank=True, null=True)),
                ("remind_at", models.DateTimeField(blank=True, null=True)),
                ("reminders", models.PositiveIntegerField(default=0)),
                ("escalate_at", models.DateTimeField(blank=True, null=True)),
                ("escalate_to", models.JSONField(blank=True, default=list)),
                ("escalated_at", models.DateTimeField(blank=True, null=True)),
                ("data", models.TextField(blank=True, null=True)),
                ("comment", models.TextField(blank=True, default="")),
                (
                    "actor_kind",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("user", "user"),
                            ("hook", "hook"),
                            ("command", "command"),
                            ("worker", "worker"),
                            ("workflow", "workflow"),
                            ("schedule", "schedule"),
                            ("code", "code"),
                        ],
                        default="",
                        max_length=16,
                    ),
                ),
                ("actor_id", models.CharField(blank=True, default="", max_length=255)),
                ("actor_name", models.CharField(blank=True, default="", max_length=255)),
                ("created_at", models.DateTimeField()),
                ("claimed_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "human task",
                "verbose_name_plural": "human tasks",
                "permissions": [
                    ("complete_humantask", "Can claim, release, delegate and complete human tasks"),
                    ("reassign_humantask", "Can reassign and cancel human tasks of others"),
                ],
            },
        ),
        migrations.CreateModel(
            name="HumanTaskCandidate",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(choices=[("user", "user"), ("group", "group")], max_length=8),
                ),
                ("name", models.CharField(max_length=255)),
            ],
            options={
                "verbose_name": "candidate",
                "verbose_name_plural": "candidates",
            },
        ),
        migrations.CreateModel(
            name="HumanTaskLink",
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
                ("user", models.CharField(max_length=255)),
                ("token_digest", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "human task link",
                "verbose_name_plural": "human task links",
            },
        ),
        migrations.CreateModel(
            name="LimitGroup",
            fields=[
                (
                    "key",
                    models.CharField(
                        db_column="group_key", max_length=255, primary_key=True, serialize=False
                    ),
                ),
                ("max_admitted", models.PositiveIntegerField(default=1)),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "limit",
                "verbose_name_plural": "limits",
            },
        ),
        migrations.CreateModel(
            name="LimitTicket",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("group_key", models.CharField(max_length=255)),
                ("ready_at", models.DateTimeField()),
                ("order_at", models.DateTimeField()),
                ("admitted_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "limit ticket",
                "verbose_name_plural": "limit tickets",
            },
        ),
        migrations.CreateModel(
            name="Schedule",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200, unique=True)),
                ("description", models.TextField(blank=True, default="")),
                ("workflow_name", models.CharField(max_length=200)),
                ("workflow_version", models.PositiveIntegerField(blank=True, null=True)),
                ("input", models.TextField(default="{}")),
                ("tick_argument", models.CharField(blank=True, default="", max_length=200)),
                ("queue", models.CharField(blank=True, default="", max_length=255)),
                ("priority", models.PositiveSmallIntegerField(default=0)),
                ("tags", models.JSONField(blank=True, default=list)),
                ("cron", models.CharField(blank=True, default="", max_length=200)),
                ("every_seconds", models.PositiveBigIntegerField(blank=True, null=True)),
                ("anchor_at", models.DateTimeField(blank=True, null=True)),
                ("timezone", models.CharField(default="UTC", max_length=64)),
                (
                    "gap",
                    models.CharField(
                        choices=[("shift", "shift"), ("skip", "skip")],
                        default="shift",
                        max_length=16,
                    ),
                ),
                (
                    "fold",
                    models.CharField(
                        choices=[("first", "first"), ("last", "last"), ("both", "both")],
                        default="first",
                        max_length=16,
                    ),
                ),
                (
                    "misfire",
                    models.CharField(
                        choices=[("latest", "latest"), ("all", "all"), ("skip", "skip")],
                        default="latest",
                        max_length=16,
                    ),
                ),
                ("misfire_grace_seconds", models.PositiveIntegerField(default=86400)),
                (
                    "overlap",
                    models.CharField(
                        choices=[
                            ("skip", "skip"),
                            ("queue", "queue"),
                            ("cancel_running", "cancel running"),
                            ("allow", "allow"),
                        ],
                        default="skip",
                        max_length=16,
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[("code", "code"), ("user", "user")], default="user", max_length=8
                    ),
                ),
                ("is_enabled", models.BooleanField(default=True)),
                ("disabled_reason", models.TextField(blank=True, default="")),
                ("disable_after", models.PositiveSmallIntegerField(default=5)),
                ("consecutive_failures", models.PositiveIntegerField(default=0)),
                ("next_tick_at", models.DateTimeField(blank=True, null=True)),
                ("last_tick_at", models.DateTimeField(blank=True, null=True)),
                ("actor_name", models.CharField(blank=True, default="", max_length=255)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "schedule",
                "verbose_name_plural": "schedules",
                "permissions": [("run_schedule", "Can trigger a schedule and backfill it")],
            },
        ),
        migrations.CreateModel(
            name="ScheduleTick",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("tick_at", models.DateTimeField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("clock", "clock"),
                            ("backfill", "backfill"),
                            ("manual", "manual"),
                        ],
                        default="clock",
                        max_length=16,
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("started", "started"),
                            ("skipped", "skipped"),
                            ("missed", "missed"),
                            ("failed", "failed"),
                        ],
                        max_length=16,
                    ),
                ),
                ("execution_id", models.UUIDField(blank=True, null=True)),
                ("detail", models.TextField(blank=True, default="")),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "schedule tick",
                "verbose_name_plural": "schedule ticks",
            },
        ),
        migrations.CreateModel(
            name="WorkQueue",
            fields=[
                ("name", models.CharField(max_length=255, primary_key=True, serialize=False)),
                (
                    "mode",
                    models.CharField(
                        choices=[("open", "open"), ("draining", "draining"), ("paused", "paused")],
                        default="open",
                        max_length=16,
                    ),
                ),
                ("max_running", models.PositiveIntegerField(blank=True, null=True)),
                ("rate_limit", models.PositiveIntegerField(blank=True, null=True)),
                ("rate_period_seconds", models.FloatField(blank=True, null=True)),
                ("tokens", models.FloatField(default=0)),
                ("tokens_at", models.DateTimeField(blank=True, null=True)),
                ("reason", models.TextField(blank=True, default="")),
                ("actor_name", models.CharField(blank=True, default="", max_length=255)),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "queue",
                "verbose_name_plural": "queues",
            },
        ),
        migrations.RemoveConstraint(
            model_name="executionevent",
            name="durable_event_known_type",
        ),
        migrations.RemoveConstraint(
            model_name="workflowexecution",
            name="durable_execution_key_once",
        ),
        migrations.AddField(
            model_name="stepcheckpoint",
            name="branch_position",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="workflowexecution",
            name="depth",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="workflowexecution",
            name="holds_key",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="NULL once a later execution has taken the key over.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="workflowexecution",
            name="limit_key",
            field=models.CharField(blank=True, db_default="", default="", max_length=255),
        ),
        migrations.AddField(
            model_name="workflowexecution",
            name="limit_max",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="workflowexecution",
            name="on_parent_close",
            field=models.CharField(
                choices=[("cancel", "cancel"), ("abandon", "abandon")],
                db_default="abandon",
                default="abandon",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="workflowexecution",
            name="parent_id",
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="workflowexecution",
            name="parent_key",
            field=models.CharField(blank=True, db_default="", default="", max_length=500),
        ),
        migrations.AddField(
            model_name="workflowexecution",
            name="parent_wait",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "nothing"),
                    ("timer", "timer"),
                    ("signal", "signal"),
                    ("retry", "retry"),
                    ("event", "event"),
                    ("child", "child"),
                    ("map", "map"),
                    ("poll", "poll"),
                    ("task", "task"),
                    ("several", "several"),
                    ("limit", "limit"),
                    ("yield", "yield"),
                    ("deferred", "deferred"),
                ],
                db_default="",
                default="",
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="bulkoperation",
            name="actor_kind",
            field=models.CharField(
                choices=[
                    ("user", "user"),
                    ("hook", "hook"),
                    ("command", "command"),
                    ("worker", "worker"),
                    ("workflow", "workflow"),
                    ("schedule", "schedule"),
                    ("code", "code"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="executionevent",
            name="actor_kind",
            field=models.CharField(
                choices=[
                    ("user", "user"),
                    ("hook", "hook"),
                    ("command", "command"),
                    ("worker", "worker"),
                    ("workflow", "workflow"),
                    ("schedule", "schedule"),
                    ("code", "code"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="executionevent",
            name="type",
            field=models.CharField(
                choices=[
                    ("started", "started"),
                    ("signalled", "signalled"),
                    ("cancel_requested", "cancel requested"),
                    ("pause_requested", "pause requested"),
                    ("resumed", "resumed"),
                    ("retried", "retried"),
                    ("forked", "forked"),
                    ("timer_fired", "timer fired"),
                    ("hook_minted", "hook minted"),
                    ("hook_revoked", "hook revoked"),
                    ("task_claimed", "task claimed"),
                    ("task_released", "task released"),
                    ("task_reassigned", "task reassigned"),
                    ("task_delegated", "task delegated"),
                    ("task_completed", "task completed"),
                    ("task_cancelled", "task cancelled"),
                    ("task_reminded", "task reminded"),
                    ("task_escalated", "task escalated"),
                    ("task_link_minted", "task link minted"),
                    ("worker_lost", "worker lost"),
                ],
                max_length=32,
            ),
        ),
        migrations.AlterField(
            model_name="stepcheckpoint",
            name="kind",
            field=models.CharField(
                choices=[
                    ("step", "step"),
                    ("sleep", "sleep"),
                    ("signal", "signal"),
                    ("undo", "undo"),
                    ("event", "event"),
                    ("child", "child"),
                    ("group", "group"),
                    ("map", "map"),
                    ("item", "item"),
                    ("poll", "poll"),
                    ("task", "task"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="workflowexecution",
            name="waiting_kind",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "nothing"),
                    ("timer", "timer"),
                    ("signal", "signal"),
                    ("retry", "retry"),
                    ("event", "event"),
                    ("child", "child"),
                    ("map", "map"),
                    ("poll", "poll"),
                    ("task", "task"),
                    ("several", "several"),
                    ("limit", "limit"),
                    ("yield", "yield"),
                    ("deferred", "deferred"),
                ],
                default="",
                max_length=16,
            ),
        ),
        migrations.AddIndex(
            model_name="workflowexecution",
            index=models.Index(
                fields=["parent_id", "finished_at"], name="durable_execution_children"
            ),
        ),
        migrations.AddConstraint(
            model_name="executionevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "type__in",
                        [
                            "started",
                            "signalled",
                            "cancel_requested",
                            "pause_requested",
                            "resumed",
                            "retried",
                            "forked",
                            "timer_fired",
                            "hook_minted",
                            "hook_revoked",
                            "task_claimed",
                            "task_released",
                            "task_reassigned",
                            "task_delegated",
                            "task_completed",
                            "task_cancelled",
                            "task_reminded",
                            "task_escalated",
                            "task_link_minted",
                            "worker_lost",
                        ],
                    )
                ),
                name="durable_event_known_type",
            ),
        ),
        migrations.AddConstraint(
            model_name="workflowexecution",
            constraint=models.UniqueConstraint(
                fields=("workflow_name", "key", "holds_key"), name="durable_execution_key_once"
            ),
        ),
        migrations.AddField(
            model_name="eventsubscription",
            name="execution",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="event_subscriptions",
                to="durable_django.workflowexecution",
            ),
        ),
        migrations.AddField(
            model_name="humantask",
            name="execution",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="tasks",
                to="durable_django.workflowexecution",
            ),
        ),
        migrations.AddField(
            model_name="humantaskcandidate",
            name="task",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="candidates",
                to="durable_django.humantask",
            ),
        ),
        migrations.AddField(
            model_name="humantasklink",
            name="task",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="links",
                to="durable_django.humantask",
            ),
        ),
        migrations.AddField(
            model_name="limitticket",
            name="execution",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="limit_ticket",
                to="durable_django.workflowexecution",
            ),
        ),
        migrations.AddIndex(
            model_name="schedule",
            index=models.Index(fields=["next_tick_at"], name="durable_schedule_due"),
        ),
        migrations.AddField(
            model_name="scheduletick",
            name="schedule",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="ticks",
                to="durable_django.schedule",
            ),
        ),
        migrations.AddConstraint(
            model_name="workqueue",
            constraint=models.CheckConstraint(
                condition=models.Q(("mode__in", ["open", "draining", "paused"])),
                name="durable_queue_known_mode",
            ),
        ),
        migrations.AddIndex(
            model_name="eventsubscription",
            index=models.Index(fields=["topic", "execution"], name="durable_event_waiters"),
        ),
        migrations.AddConstraint(
            model_name="eventsubscription",
            constraint=models.UniqueConstraint(
                fields=("execution", "call_key"), name="durable_subscription_once_per_call"
            ),
        ),
        migrations.AddIndex(
            model_name="humantask",
            index=models.Index(fields=["status", "due_at"], name="durable_task_inbox"),
        ),
        migrations.AddIndex(
            model_name="humantask",
            index=models.Index(fields=["assignee", "status"], name="durable_task_of_user"),
        ),
        migrations.AddConstraint(
            model_name="humantask",
            constraint=models.UniqueConstraint(
                fields=("execution", "key", "is_active"), name="durable_task_one_active_per_call"
            ),
        ),
        migrations.AddConstraint(
            model_name="humantask",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ["open", "claimed", "completed", "cancelled", "expired"])
                ),
                name="durable_task_known_status",
            ),
        ),
        migrations.AddIndex(
            model_name="humantaskcandidate",
            index=models.Index(fields=["kind", "name", "task"], name="durable_task_candidates"),
        ),
        migrations.AddConstraint(
            model_name="humantaskcandidate",
            constraint=models.UniqueConstraint(
                fields=("task", "kind", "name"), name="durable_task_candidate_once"
            ),
        ),
        migrations.AddIndex(
            model_name="limitticket",
            index=models.Index(
                fields=["group_key", "admitted_at", "order_at"], name="durable_limit_line"
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduletick",
            constraint=models.UniqueConstraint(
                fields=("schedule", "tick_at"), name="durable_tick_once_per_instant"
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduletick",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome__in", ["started", "skipped", "missed", "failed"])),
                name="durable_tick_known_outcome",
            ),
        ),
        migrations.RunPython(
            compare_text_exactly(EXACT_COLUMNS), migrations.RunPython.noop, atomic=False
        ),
    ]
