"""The page that forks an execution from a step: what is reused, and what runs again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from durable_django.admin.acts.act_page import ActPage, Done, Words
from durable_django.admin.acts.forms import FROM_THE_START, ForkForm, ReasonForm
from durable_django.admin.acts.input_editing import EditableInput, find_editable
from durable_django.admin.acts.step_facts import StepFact
from durable_django.control.acting import Acting
from durable_django.control.actions import Action
from durable_django.control.inputs.signatures import InputError, coerce_input
from durable_django.control.permissions import Permission, allows
from durable_django.domain.error_record import ErrorRecord
from durable_django.engine.acting import UNCHANGED
from durable_django.exceptions import UnknownWorkflowError
from durable_django.runtime import engine

#: The newest calls that are offered; an earlier one is forked from by the link beside it.
MAX_OFFERED = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """One call in the plan: its radio button, and whether the chosen fork keeps its outcome."""

    radio: Any
    #: Of a group that was never decided: the first call in it, by whose key it is forked.
    step: StepFact
    #: What people read: the key, or that of the group.
    name: str
    #: The calls in it, if it is a group: they run again with it.
    inside: list[StepFact]
    is_reused: bool
    #: Made again, something is done a second time.
    repeats: bool
    #: It stays among what runs again, from whichever later step is forked: it was undone, or
    #: has no outcome.
    is_never_reused: bool


class ForkPage(ActPage):
    """Start another execution that begins with this one's outcomes."""

    action = Action.FORK
    template = "admin/durable_django/acts/fork.html"
    words = Words(
        verb=gettext_lazy("Fork"),
        participle=gettext_lazy("forked"),
        needs=gettext_lazy("Every execution of a workflow that is registered here can be forked."),
    )

    @cached_property
    def versions(self) -> list[int]:
        """The versions of the workflow that this process knows, lowest first."""
        name = self.execution.workflow_name
        return [d.version for d in engine().registry.list_definitions() if d.name == name]

    @cached_property
    def editable(self) -> EditableInput | None:
        """The input, if the user may see and JSON can say it."""
        if not allows(self.user, Permission.PAYLOADS):
            return None
        return find_editable(self.execution.input)

    @cached_property
    def inside(self) -> dict[str, list[StepFact]]:
        """The calls in groups, by the outermost group: it is made again as a whole, or not."""
        found: dict[str, list[StepFact]] = {}
        for step in self.steps:
            if step.group:
                found.setdefault(step.group, []).append(step)
        return found

    @cached_property
    def choices(self) -> list[StepFact]:
        """The calls of the body; of a group that was never decided, the first call in it."""
        decided = {step.key for step in self.steps if not step.group}
        begun = {inside[0].key for group, inside in self.inside.items() if group not in decided}
        return [step for step in self.steps if not step.group or step.key in begun]

    @cached_property
    def offered(self) -> list[StepFact]:
        """The calls to choose from: the newest, and the one that the link named."""
        wanted = self._find_offered(self.wanted.get("key", ""))
        earlier = [step for step in self.choices[:-MAX_OFFERED] if step.key == wanted]
        return [*earlier, *self.choices[-MAX_OFFERED:]]

    def _find_offered(self, key: str) -> str:
        """Return the choice that stands for a call: that of its group, if it is in one."""
        own = {step.key for step in self.choices}
        if key in own:
            return key
        group = key.partition("/")[0]
        inside = self.inside.get(group, [])
        return group if group in own else inside[0].key if inside else key

    def is_possible(self) -> bool:
        """Say whether some version of the workflow is registered."""
        return bool(self.versions)

    def make_form(self, data: QueryDict | None) -> ForkForm:
        """Choose the step that the link named, and the version it ran with if there is one."""
        own = self.execution.workflow_version
        keys = [step.key for step in self.offered]
        wanted = self._find_offered(self.wanted.get("key", "") or self._find_failed_call())
        return ForkForm(
            data,
            steps=keys,
            versions=[(v, self._name_version(v)) for v in self.versions],
            edits_input=self.editable is not None,
            initial={
                "from_step": wanted if wanted in keys else FROM_THE_START,
                "version": own if own in self.versions else self.versions[-1],
                "input": self.editable.text if self.editable else "",
            },
        )

    def _find_failed_call(self) -> str:
        """Return the call that it failed or is parked for, if there is one."""
        return ErrorRecord.from_text(self.execution.error or "").call or ""

    def consequences(self) -> list[str]:
        """Say what a fork is."""
        return [
            _(
                "A new execution begins with the outcomes that are reused, and runs the rest. This one stays as it is."
            ),
            _(
                "It has its own id and its own idempotency keys, no key, and the same tags, subject, queue and priority."
            ),
            _(
                "Should the fork fail, it undoes the reused steps as its own: do not let both executions undo them."
            ),
        ]

    def context(self, form: ReasonForm) -> dict[str, Any]:
        """Tell which calls are reused and which run again, for the step that is chosen."""
        chosen = str(form["from_step"].value() or FROM_THE_START)
        start, *radios = cast("Any", form["from_step"])
        positions = {step.key: step.position for step in self.offered}
        position = positions.get(chosen, 0)
        rows = [
            PlanRow(
                radio=radio,
                step=step,
                name=step.group or step.key,
                inside=self.inside.get(step.group or step.key, []),
                is_reused=self._is_kept(step) and step.position < position,
                is_never_reused=not self._is_kept(step),
                repeats=any(one.is_done and one.is_step for one in self._whole(step)),
            )
            for radio, step in zip(radios, self.offered, strict=True)
        ]
        return {
            "start_radio": start,
            "left_out": len(self.choices) - len(self.offered),
            "plan": rows,
            "repeated": [
                step
                for row in rows
                if not row.is_reused
                for step in self._whole(row.step)
                if step.is_done and step.is_step
            ],
            "is_input_hidden": not allows(self.user, Permission.PAYLOADS),
        }

    def _whole(self, step: StepFact) -> list[StepFact]:
        """Return what is made again with a choice: of a group, all that stands in it."""
        return self.inside.get(step.group or step.key, [step])

    def _is_kept(self, step: StepFact) -> bool:
        # A group that was never decided has no outcome, whatever its branches have.
        return step.is_settled and not step.group

    def perform(self, acting: Acting, form: ReasonForm) -> Done | None:
        """Fork it.

        Raises:
            ValidationError: The input does not fit the workflow.
        """
        given = form.cleaned_data
        fork = self._fork(acting, given["from_step"] or None, given["version"], self._read(given))
        told = _("Forked %(name)s; this is the fork.") % {"name": self.name}
        step = given["from_step"] or "the start"
        return self.done(told, f"Forked from {step} as {fork.id}.", fork.id)

    def _read(self, given: dict[str, Any]) -> Any:
        if self.editable is None:
            return UNCHANGED
        merged = self.editable.merge(given["input"])
        return UNCHANGED if merged == self.editable.value else merged

    def _fork(self, acting: Acting, step: str | None, version: int, given: Any) -> Any:
        try:
            if given is not UNCHANGED:
                definition = engine().registry.load(self.execution.workflow_name, version)
                given = given if definition.takes_raw_input else coerce_input(definition, given)
            return acting.fork(self.execution.pk, step, workflow_input=given, version=version)
        except (InputError, TypeError) as error:  # the arguments do not fit the body's
            raise ValidationError({"input": str(error)}) from error
        except UnknownWorkflowError as error:
            raise ValidationError({"version": str(error)}) from error

    def _name_version(self, version: int) -> str:
        own = self.execution.workflow_version
        if version == own:
            return _("v%(version)d, as it ran") % {"version": version}
        return _("v%(version)d (it ran with v%(own)d)") % {"version": version, "own": own}
