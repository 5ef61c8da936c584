"""Which workflow a name and version stand for. Filled by `@workflow` at import; never from data."""

from __future__ import annotations

from collections.abc import Iterable

from durable_django.domain.definition import WorkflowDefinition
from durable_django.exceptions import DefinitionError, UnknownWorkflowError


class Registry:
    """Definitions by name and version."""

    def __init__(self) -> None:
        self._definitions: dict[tuple[str, int], WorkflowDefinition] = {}

    def register(self, definition: WorkflowDefinition) -> None:
        """Add a definition.

        The same function registered again (a reloaded module) takes its former place.

        Raises:
            DefinitionError: Another function has this name and version.
        """
        slot = (definition.name, definition.version)
        known = self._definitions.get(slot)
        if known is not None and _path(known) != _path(definition):
            raise DefinitionError(
                f"Workflow {definition.name!r} version {definition.version} is registered twice: "
                f"{_path(known)} and {_path(definition)}. Give one another name or version."
            )
        self._definitions[slot] = definition

    def replace(self, definition: WorkflowDefinition) -> None:
        """Add a definition in place of whatever has its name and version."""
        self._definitions[definition.name, definition.version] = definition

    def forget(self, name: str, version: int | None = None) -> None:
        """Remove a definition, or all versions of a name; unknown ones are no error."""
        for slot in [s for s in self._definitions if s[0] == name and version in (None, s[1])]:
            del self._definitions[slot]

    def find(self, name: str, version: int) -> WorkflowDefinition | None:
        """Return the definition, or None if this process has none."""
        return self._definitions.get((name, version))

    def load(self, name: str, version: int | None = None) -> WorkflowDefinition:
        """Return the definition; without a version, the highest.

        Raises:
            UnknownWorkflowError: This process has none.
        """
        versions = [v for n, v in self._definitions if n == name]
        wanted = version if version is not None else max(versions, default=0)
        found = self._definitions.get((name, wanted))
        if found is None:
            known = tuple(sorted({n for n, _ in self._definitions}))[:20]
            raise UnknownWorkflowError(name, version, known)
        return found

    def list_definitions(self) -> list[WorkflowDefinition]:
        """Return all definitions, ordered by name, then version."""
        return [self._definitions[slot] for slot in sorted(self._definitions)]

    def queues(self) -> Iterable[str]:
        """Return the queues that definitions name, ordered."""
        return sorted({definition.queue for definition in self._definitions.values()})


def _path(definition: WorkflowDefinition) -> str:
    body = definition.body
    return f"{body.__module__}.{body.__qualname__}"


#: What `@workflow` fills.
default_registry = Registry()
