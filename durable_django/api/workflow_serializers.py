"""The shapes of answers about registered workflows, for the OpenAPI document."""

from __future__ import annotations

from rest_framework import serializers

from durable_django.api.serializers import Shape


class WorkflowVersionSerializer(Shape):
    """One registered version of a workflow."""

    version = serializers.IntegerField()
    is_exposed = serializers.BooleanField(help_text="Whether it can be started over HTTP.")
    queue = serializers.CharField()
    ttl_seconds = serializers.FloatField(allow_null=True)
    tags = serializers.ListField(child=serializers.CharField())


class WorkflowSerializer(Shape):
    """A registered workflow."""

    name = serializers.CharField()
    description = serializers.CharField()
    version = serializers.IntegerField(help_text="What is started unless another is named.")
    is_exposed = serializers.BooleanField(help_text="Whether that can be started over HTTP.")
    links = serializers.DictField(child=serializers.URLField())


class WorkflowDetailSerializer(WorkflowSerializer):
    """A registered workflow, all its versions, and the JSON schema of its input."""

    versions = WorkflowVersionSerializer(many=True)
    input_schema = serializers.JSONField(help_text="Of the version that is started.")


class WorkflowListSerializer(Shape):
    """All registered workflows, by name."""

    results = WorkflowSerializer(many=True)
