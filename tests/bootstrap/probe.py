"""Ask a service whether it answers; runs in the environment, where the drivers are.

`python -m tests.bootstrap.probe postgresql URL` prints the version and ends with 0, or prints why
not and ends with 1. A closed port is not the only reason: a server that refuses the login, or the
right to create databases, is of no use either.
"""

from __future__ import annotations

import sys

import psycopg
import pymysql
import redis

from tests.bootstrap.database_url import parse_database_url

SECONDS_TO_WAIT = 3


def ask_postgresql(url: str) -> str:
    """Return the version, once a login that may create databases has worked."""
    address = parse_database_url(url)
    with psycopg.connect(
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password,
        dbname="postgres",
        connect_timeout=SECONDS_TO_WAIT,
    ) as connection:
        row = connection.execute(
            "SELECT current_setting('server_version'), rolcreatedb OR rolsuper"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    if row is None or not row[1]:
        raise PermissionError(f"the role {address.user!r} may not create databases")
    return f"PostgreSQL {str(row[0]).split()[0]}"


def ask_mariadb(url: str) -> str:
    """Return the version, once a login has worked; MySQL answers here too."""
    address = parse_database_url(url)
    connection = pymysql.connect(
        host=address.host,
        port=address.port or 3306,
        user=address.user,
        password=address.password,
        connect_timeout=SECONDS_TO_WAIT,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        version = str(cursor.fetchone()[0])
    return f"{'MariaDB' if 'MariaDB' in version else 'MySQL'} {version.partition('-')[0]}"


def ask_redis(url: str) -> str:
    """Return the version, once the server has answered."""
    with redis.Redis.from_url(
        url, socket_connect_timeout=SECONDS_TO_WAIT, socket_timeout=SECONDS_TO_WAIT
    ) as connection:
        facts = dict(connection.info("server"))
    return f"Redis {facts['redis_version']}"


PROBES = {"postgresql": ask_postgresql, "mariadb": ask_mariadb, "redis": ask_redis}


def _main(service: str, url: str) -> int:
    try:
        print(PROBES[service](url))
    except (OSError, psycopg.Error, pymysql.Error, redis.RedisError) as error:
        print(" ".join(str(error).split()) or type(error).__name__)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
