"""The demo's options, read by `python3 -m example_project` and by `manage.py demo`.

Standard library only: the first of the two has nothing else yet.
"""

from __future__ import annotations

import argparse

DEFAULT_PORT = 8000
DEFAULT_COUNT = 30
DEFAULT_TIMEOUT_SECONDS = 120


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the demo's options to a parser."""
    parser.add_argument(
        "--exit",
        action="store_true",
        help="end by itself: 0 if every execution reached its expected end and the books agree, else 1",
    )
    parser.add_argument(
        "--port",
        type=int,
        help=f"of the web server; by default the first free one from {DEFAULT_PORT} on",
    )
    parser.add_argument(
        "--count",
        type=int,
        default=DEFAULT_COUNT,
        help="how many executions to start; those with a story of their own always are (default: %(default)s)",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=DEFAULT_TIMEOUT_SECONDS,
        help="give up when executions have not ended after this many seconds (default: %(default)s)",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="delete the SQLite database of earlier starts first"
    )
