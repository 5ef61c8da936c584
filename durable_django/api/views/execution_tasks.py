"""The human tasks of one execution."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from durable_django.api.http.describing import describe
from durable_django.api.task_serializers import TaskPageSerializer
from durable_django.api.views.executions import PartView
from durable_django.api.views.parts import PARTS


class ExecutionTasksView(PartView):
    """The tasks of an execution that the user may see."""

    part = PARTS["tasks"]

    @describe(
        operation_id="executions_tasks",
        summary="The human tasks of the execution that you may see, in the order they were asked.",
        tag="tasks",
        answers={200: TaskPageSerializer},
        problems=(404,),
    )
    def get(self, request: Request, execution_id: str) -> Response:
        """Return a page of them."""
        return self.list_part(request, execution_id)
