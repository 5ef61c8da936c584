"""`durable_doctor`: look at the whole installation and say what is wrong with it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError

from durable_django.conf import readable_settings
from durable_django.control.health.checks import Level
from durable_django.management.console import EXIT_ERROR, DurableCommand
from durable_django.management.diagnosis import diagnose


class Command(DurableCommand):
    """Prints what was looked at; exit code 1 if something is wrong, warnings are not."""

    help = (
        "Check settings, database, migrations, workers, late, stuck and parked executions. "
        "Exit code 1 if something is wrong."
    )

    def act(self, options: dict[str, Any]) -> None:
        findings = list(diagnose(readable_settings()))
        wrong = sum(finding.level is Level.ERROR for finding in findings)
        if options["json"]:
            self.show_json({"ok": wrong == 0, "findings": [asdict(one) for one in findings]})
        else:
            for one in findings:
                self.show(f"{one.level:<8} {one.subject}: {one.message}")
                if one.hint:
                    self.show(f"         {one.hint}")
        if wrong:
            noun = "thing is" if wrong == 1 else "things are"
            raise CommandError(f"{wrong} {noun} wrong.", returncode=EXIT_ERROR)
