"""`durable_setup_groups`: make the groups of who looks at executions, steers them, or does tasks.

====================  =============================================================================
Durable viewers       see executions, human tasks, schedules, queues, workflows and health; no
                      inputs, results or signal payloads
Durable operators     that, and payloads (redacted), and they start, signal, cancel, pause, resume,
                      retry and fork, one execution or many at once, reassign and cancel tasks,
                      enable, disable, trigger and backfill schedules, and control queues
Durable task workers  see the human tasks that are for them, and do them
====================  =============================================================================

Operators do no tasks: who steers a process need not be who decides in it. Add them to the task
workers if they are.

Operators add, change and delete no schedules: these decide what is started in the time to come, and
with what input. `add_schedule`, `change_schedule` and `delete_schedule` are given by name.

Nobody is given `terminate_execution`: it ends an execution without undoing what it did, so that
somebody has to clean up by hand. Superusers have it; to others it is given by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.management.base import CommandError, CommandParser
from django.db import router, transaction

from durable_django.control.permissions import Permission
from durable_django.management.console import EXIT_ERROR, DurableCommand

GROUPS: dict[str, tuple[Permission, ...]] = {
    "Durable viewers": (
        Permission.VIEW,
        Permission.VIEW_TASKS,
        Permission.VIEW_SCHEDULES,
        Permission.VIEW_QUEUES,
    ),
    "Durable operators": (
        Permission.VIEW,
        Permission.PAYLOADS,
        Permission.START,
        Permission.SIGNAL,
        Permission.CANCEL,
        Permission.RETRY,
        Permission.FORK,
        Permission.BULK,
        Permission.VIEW_TASKS,
        Permission.REASSIGN_TASKS,
        Permission.VIEW_SCHEDULES,
        Permission.RUN_SCHEDULES,
        Permission.VIEW_QUEUES,
        Permission.CHANGE_QUEUES,
    ),
    "Durable task workers": (Permission.COMPLETE_TASKS,),
}
_APP = "durable_django"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a group lacks of what it is to have."""

    name: str
    is_new: bool
    permissions: tuple[Permission, ...]
    added: tuple[Permission, ...]


class Command(DurableCommand):
    """Creates the groups and adds what they lack; what somebody added to them stays."""

    help = (
        "Create the groups 'Durable viewers', 'Durable operators' and 'Durable task workers', or "
        "give them what they lack. Takes nothing away; a second run changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="say what would be done")

    def act(self, options: dict[str, Any]) -> None:
        if not apps.is_installed("django.contrib.auth"):
            raise CommandError("'django.contrib.auth' is not installed.", returncode=EXIT_ERROR)
        with transaction.atomic(using=router.db_for_write(apps.get_model("auth", "Group"))):
            known = _load_permissions()
            changes = [_plan(name, wanted) for name, wanted in GROUPS.items()]
            if not options["dry_run"]:
                for change in changes:
                    _apply(change, known)
        if options["json"]:
            self.show_json({"dry_run": options["dry_run"], "groups": [_facts(c) for c in changes]})
            return
        for change in changes:
            self.show(_say(change, is_dry=options["dry_run"]))


def _load_permissions() -> dict[Permission, Any]:
    rows = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label=_APP, codename__in=[str(one) for one in Permission]
    )
    known = {Permission(row.codename): row for row in rows}
    missing = {one for wanted in GROUPS.values() for one in wanted} - set(known)
    if missing:
        raise CommandError(
            f"The database has no permission {min(missing)!s}: run `manage.py migrate` first.",
            returncode=EXIT_ERROR,
        )
    return known


def _plan(name: str, wanted: tuple[Permission, ...]) -> Change:
    group = apps.get_model("auth", "Group").objects.filter(name=name).first()
    has: set[str] = set()
    if group is not None:
        ours = group.permissions.filter(content_type__app_label=_APP)
        has = set(ours.values_list("codename", flat=True))
    return Change(
        name=name,
        is_new=group is None,
        permissions=wanted,
        added=tuple(one for one in wanted if str(one) not in has),
    )


def _apply(change: Change, known: dict[Permission, Any]) -> None:
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=change.name)
    group.permissions.add(*(known[one] for one in change.added))


def _facts(change: Change) -> dict[str, Any]:
    return {
        "name": change.name,
        "created": change.is_new,
        "permissions": list(change.permissions),
        "added": list(change.added),
    }


def _say(change: Change, *, is_dry: bool) -> str:
    if not change.is_new and not change.added:
        return f"{change.name}: nothing to do"
    done = "created" if change.is_new else "changed"
    would = "would be " if is_dry else ""
    return f"{change.name}: {would}{done}, with {', '.join(change.added)}"
