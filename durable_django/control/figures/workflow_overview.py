"""The workflows of an installation: those the code registers, and those only the history knows."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.checks import CheckMessage
from django.db.models import QuerySet

from durable_django.conf import settings
from durable_django.control.figures.statistics import (
    Figures,
    LiveVersions,
    WorkflowStatistics,
    count_live_versions,
    list_statistics,
)
from durable_django.control.setup_messages import BODY_LINT, list_setup_messages
from durable_django.domain.definition import WorkflowDefinition
from durable_django.domain.status import ExecutionStatus
from durable_django.engine.registry import Registry
from durable_django.models import Workflow, WorkflowExecution

#: The most names and versions that are read of the history.
MAX_KNOWN = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionOverview:
    """One version of a workflow."""

    version: int
    #: None if this process has no code for it.
    definition: WorkflowDefinition | None
    #: Live executions by status.
    live: Mapping[ExecutionStatus, int]
    figures: Figures

    @property
    def live_total(self) -> int:
        """How many live executions it has."""
        return sum(self.live.values())

    @property
    def is_missing(self) -> bool:
        """Whether live executions need it, and its code is gone."""
        return self.definition is None and self.live_total > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowOverview:
    """What is known of one workflow."""

    name: str
    #: The newest version first.
    versions: Sequence[VersionOverview]
    statistics: WorkflowStatistics
    #: What the lint has to say of its bodies.
    warnings: Sequence[CheckMessage]

    @property
    def definition(self) -> WorkflowDefinition | None:
        """The newest version that is registered here; None if none is."""
        return next((one.definition for one in self.versions if one.definition), None)

    @property
    def live_total(self) -> int:
        """How many live executions it has."""
        return sum(one.live_total for one in self.versions)

    @property
    def missing(self) -> list[VersionOverview]:
        """The versions that live executions need and whose code is gone."""
        return [one for one in self.versions if one.is_missing]

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return summary_of(self.definition) if self.definition else ""

    @property
    def source(self) -> str:
        """Where its function stands: `project/shop/workflows.py:14`."""
        return source_of(self.definition) if self.definition else ""

    @property
    def short_source(self) -> str:
        """The end of it: `shop/workflows.py:14`."""
        return "/".join(self.source.split("/")[-2:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """All workflows."""

    #: By name; those without code and without live executions last.
    workflows: Sequence[WorkflowOverview]
    live: LiveVersions


def load_overview(
    executions: QuerySet[WorkflowExecution],
    registry: Registry,
    since: datetime | None,
    names: Iterable[str] | None = None,
) -> Overview:
    """Return the workflows with their figures since an instant (None: ever); by default all.

    Five queries, whatever their number up to 200. Of `names`, unknown ones are left out.
    """
    live = count_live_versions(executions)
    known = _load_versions(executions.db, registry, live)
    if names is not None:
        wanted = set(names)
        known = {name: versions for name, versions in known.items() if name in wanted}
    warnings = [message for message in list_setup_messages() if message.id == BODY_LINT]
    overviews = [
        WorkflowOverview(
            name=statistics.name,
            versions=[
                VersionOverview(
                    version=version,
                    definition=registry.find(statistics.name, version),
                    live=live.counts.get((statistics.name, version), {}),
                    figures=statistics.versions.get(version, Figures()),
                )
                for version in sorted(known[statistics.name], reverse=True)
            ],
            statistics=statistics,
            warnings=_warnings_of(statistics.name, warnings),
        )
        for statistics in list_statistics(executions, sorted(known), since)
    ]
    overviews.sort(key=lambda one: (one.definition is None and not one.live_total, one.name))
    return Overview(workflows=overviews, live=live)


def summary_of(definition: WorkflowDefinition) -> str:
    """Return the first line of a workflow's docstring, or an empty text."""
    text = inspect.cleandoc(definition.body.__doc__ or "")
    return text.partition("\n")[0]


def source_of(definition: WorkflowDefinition) -> str:
    """Return the file and line of a workflow's function: `project/shop/workflows.py:14`."""
    body = inspect.unwrap(definition.body)
    code = getattr(body, "__code__", None)
    place = body.__module__.replace(".", "/") + ".py"
    return place if code is None else f"{place}:{code.co_firstlineno}"


def _load_versions(alias: str, registry: Registry, live: LiveVersions) -> dict[str, set[int]]:
    pairs = [*((one.name, one.version) for one in registry.list_definitions()), *live.counts]
    # What others started is none of the business of who may not see it.
    if not settings().scope:
        history = Workflow.objects.using(alias).order_by("name", "-version")
        pairs += history.values_list("name", "version")[:MAX_KNOWN]
    versions: dict[str, set[int]] = {}
    for name, version in pairs:
        versions.setdefault(name, set()).add(version)
    return versions


def _warnings_of(name: str, warnings: Iterable[CheckMessage]) -> list[CheckMessage]:
    # As `checks.workflow_bodies` begins them; that room is above this one.
    return [message for message in warnings if message.msg.startswith(f"Workflow {name!r},")]
