"""Find a Chromium for the browser tests, or put Debian's on the machine where that is asked for.

Never in CI, where the browser tests skip themselves; elsewhere only as root on a Debian, such as in
a container: on a person's own machine nobody installs programs unasked.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping

from example_project.bootstrap import say
from tests.bootstrap.services import Service

VARIABLE = "DURABLE_TEST_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PACKAGES = ("chromium", "fonts-dejavu-core")


def find_browser(environ: Mapping[str, str]) -> Service:
    """Return the browser, whose `url` is its path, or why there is none."""
    if environ.get("CI"):
        return Service(name="chromium", detail="not in CI")
    asked = environ.get(VARIABLE)
    if asked is not None:
        is_there = bool(asked) and shutil.which(asked) is not None
        detail = asked if is_there else f"{VARIABLE} is {asked!r}"
        return Service(name="chromium", url=asked if is_there else "", detail=detail)
    path = _find_on_path() or _install()
    if path is None:
        return Service(name="chromium", detail=f"none found; install one, or name it in {VARIABLE}")
    return Service(name="chromium", url=path, detail=path)


def _find_on_path() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def _install() -> str | None:
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return None
    say(f"chromium: installing Debian's, for the browser tests ({VARIABLE}= skips them)")
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *_PACKAGES]):
        done = subprocess.run([apt, "-qq", *command], env=environ, capture_output=True, check=False)
        if done.returncode:
            return None
    return _find_on_path()
