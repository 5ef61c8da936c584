"""What commands that act on one execution share: which one, why, and who sat at the shell."""

from __future__ import annotations

import getpass

from django.core.management.base import CommandParser

from durable_django.domain.event import MAX_REASON_LENGTH, Actor, ActorKind
from durable_django.management.console import DurableCommand, clean


class ActCommand(DurableCommand):
    """A command that acts on the execution `id`, with a reason for the audit."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", help="the execution's id")
        parser.add_argument(
            "--reason", default="", help=f"why, for the audit; up to {MAX_REASON_LENGTH} characters"
        )


def shell_user() -> Actor:
    """Return who sits at the shell, as the operating system knows them."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user: a bare container
        name = ""
    return Actor(kind=ActorKind.COMMAND, name=clean(name)[:255])
