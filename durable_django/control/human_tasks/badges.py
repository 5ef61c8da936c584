"""How the status of a human task looks: an icon, a word and a colour."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from durable_django.control.badges import Badge
from durable_django.domain.status import TaskStatus

TASK_BADGES: Mapping[TaskStatus, Badge] = {
    TaskStatus.OPEN: Badge(css_class="dw-badge dw-pending", icon="○", label=_("Open")),
    TaskStatus.CLAIMED: Badge(css_class="dw-badge dw-running", icon="●", label=_("Claimed")),
    TaskStatus.COMPLETED: Badge(css_class="dw-badge dw-completed", icon="✓", label=_("Completed")),
    TaskStatus.CANCELLED: Badge(css_class="dw-badge dw-cancelled", icon="⊘", label=_("Cancelled")),
    TaskStatus.EXPIRED: Badge(css_class="dw-badge dw-suspended", icon="◷", label=_("Expired")),
}
