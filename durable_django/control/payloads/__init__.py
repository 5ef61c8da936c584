"""Payloads from outside, checked; payloads for people, redacted."""
