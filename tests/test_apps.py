from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from django.apps import apps
from django.core.checks.registry import registry as check_registry

from durable_django import runtime
from durable_django.engine.start_request import engine_slot

ROOT = Path(__file__).resolve().parent.parent


def set_up_project(directory: Path, workflows: str, durable: str = "{}") -> str:
    """Set up Django in a new process with one app, `shop`; return its last words."""
    (directory / "shop").mkdir()
    (directory / "shop" / "__init__.py").touch()
    (directory / "shop" / "workflows.py").write_text(textwrap.dedent(workflows))
    program = f"""
        import django
        from django.conf import settings
        settings.configure(
            INSTALLED_APPS=["django.contrib.contenttypes", "django_q", "durable_django", "shop"],
            DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}},
            Q_CLUSTER={{"timeout": 60, "retry": 90, "orm": "default"}},
            DURABLE={durable},
        )
        django.setup()
        from durable_django.engine.registry import default_registry
        print([definition.name for definition in default_registry.list_definitions()])
        """
    run = subprocess.run(  # noqa: S603 -- our own interpreter and words
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        check=False,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{directory}"},
    )
    return (run.stdout + run.stderr).strip().splitlines()[-1]


ORDER = """
    from durable_django import workflow

    @workflow
    def order(ctx):
        pass
    """


def test_workflows_of_installed_apps_are_registered(tmp_path: Path):
    assert set_up_project(tmp_path, ORDER) == "['durable.bulk', 'shop.order']"


def test_error_in_a_workflows_module_is_raised(tmp_path: Path):
    assert set_up_project(tmp_path, "import no_such_module") == (
        "ModuleNotFoundError: No module named 'no_such_module'"
    )


def test_name_registered_twice_is_raised(tmp_path: Path):
    twice = f"""{ORDER}
    @workflow(name="shop.order")
    def other(ctx):
        pass
    """

    assert "is registered twice" in set_up_project(tmp_path, twice)


def test_wrong_setting_is_left_to_the_checks(tmp_path: Path):
    assert (
        set_up_project(tmp_path, ORDER, durable="{'NO_SUCH': 1}")
        == "['durable.bulk', 'shop.order']"
    )


@pytest.mark.skipif(not apps.ready, reason="needs Django")
def test_engine_is_wired():
    assert engine_slot.provider is runtime.engine


def test_checks_are_registered_once():
    apps.get_app_config("durable_django").ready()

    ours = [check for check in check_registry.registered_checks if "durable_django" in check.tags]

    assert len(ours) == len({check.__qualname__ for check in ours}) == 5
