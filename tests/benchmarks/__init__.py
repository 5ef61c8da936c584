"""Figures, not tests: `python3 -m tests.benchmarks`."""
