"""Decisions: what happens next, given facts and needs. Knows no Django."""
