from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User

from durable_django.control.permissions import Permission as Codename
from durable_django.control.permissions import allows
from tests.management.conftest import Ran

Run = Callable[..., Ran]
pytestmark = pytest.mark.django_db


def codenames(name: str) -> set[str]:
    return set(Group.objects.get(name=name).permissions.values_list("codename", flat=True))


def test_viewers_see_no_payloads_and_operators_do_not_terminate(run: Run):
    ran = run("durable_setup_groups")

    assert ran.code == 0
    assert codenames("Durable viewers") == {
        "view_workflowexecution",
        "view_humantask",
        "view_schedule",
        "view_workqueue",
    }
    by_name_alone = {
        Codename.TERMINATE,
        Codename.COMPLETE_TASKS,
        Codename.ADD_SCHEDULES,
        Codename.CHANGE_SCHEDULES,
        Codename.DELETE_SCHEDULES,
    }
    assert codenames("Durable operators") == {str(one) for one in set(Codename) - by_name_alone}


def test_task_workers_do_their_tasks_and_steer_nothing(run: Run):
    run("durable_setup_groups")

    assert codenames("Durable task workers") == {"complete_humantask"}


def test_member_of_the_operators_may_cancel(run: Run):
    run("durable_setup_groups")
    user = User.objects.create_user("olga")
    user.groups.add(Group.objects.get(name="Durable operators"))

    assert allows(user, Codename.CANCEL)
    assert not allows(user, Codename.TERMINATE)


def test_second_run_changes_nothing(run: Run):
    run("durable_setup_groups")

    ran = run("durable_setup_groups")

    assert ran.out.splitlines() == [
        "Durable viewers: nothing to do",
        "Durable operators: nothing to do",
        "Durable task workers: nothing to do",
    ]
    assert Group.objects.count() == 3


def test_what_is_lacking_is_added_and_what_was_added_stays(run: Run):
    run("durable_setup_groups")
    group = Group.objects.get(name="Durable operators")
    group.permissions.remove(Permission.objects.get(codename="fork_execution"))
    group.permissions.add(Permission.objects.get(codename="terminate_execution"))

    ran = run("durable_setup_groups")

    assert "Durable operators: changed, with fork_execution" in ran.out
    assert {"fork_execution", "terminate_execution"} <= codenames("Durable operators")


def test_dry_run_says_what_it_would_do_and_does_nothing(run: Run):
    ran = run("durable_setup_groups", "--dry-run")

    assert (
        "Durable viewers: would be created, with view_workflowexecution, view_humantask" in ran.out
    )
    assert not Group.objects.exists()


@pytest.mark.parametrize("arguments", [(), ("--dry-run",)], ids=["for real", "dry"])
def test_json_is_one_document(run: Run, arguments: Any):
    ran = run("durable_setup_groups", "--json", *arguments)

    document = json.loads(ran.out)
    assert document["dry_run"] is bool(arguments)
    assert document["groups"][0] == {
        "name": "Durable viewers",
        "created": True,
        "permissions": [
            "view_workflowexecution",
            "view_humantask",
            "view_schedule",
            "view_workqueue",
        ],
        "added": ["view_workflowexecution", "view_humantask", "view_schedule", "view_workqueue"],
    }


def test_missing_permissions_are_said(run: Run):
    Permission.objects.filter(codename="fork_execution").delete()

    ran = run("durable_setup_groups")

    assert ran.code == 1
    assert "fork_execution" in ran.error
    assert "migrate" in ran.error
    assert not Group.objects.exists()
