"""Implementations of the CheckpointStore port."""
