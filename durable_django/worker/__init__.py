"""Processes that advance executions: what they claim, when they look, how they end."""
