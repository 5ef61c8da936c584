"""A pytest plugin that leaves the counts of a run in the file DURABLE_TEST_TALLY names.

Loaded with `-p`, also under xdist, where only the controlling process has a terminal reporter.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

#: What the closing line calls the outcomes pytest tells apart.
OUTCOMES = {
    "passed": ("passed", "xpassed"),
    "failed": ("failed", "error"),
    "skipped": ("skipped", "xfailed"),
}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    path = os.environ.get("DURABLE_TEST_TALLY")
    if path:
        stats = terminalreporter.stats
        counts = {
            name: sum(len(stats.get(key, ())) for key in keys) for name, keys in OUTCOMES.items()
        }
        Path(path).write_text(json.dumps(counts), encoding="utf-8")
