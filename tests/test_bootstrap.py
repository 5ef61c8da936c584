from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from example_project import bootstrap
from example_project.bootstrap import EnvironmentSetupError, Stamp
from tests.bootstrap.database_url import DatabaseAddress, parse_database_url
from tests.bootstrap.options import (
    UsageError,
    build_pytest_arguments,
    is_unparallel,
    parse_options,
    take_option,
)
from tests.bootstrap.services import Service, get_address, hide_password, list_missing
from tests.bootstrap.summary import (
    Row,
    decide_exit_code,
    format_table,
    format_totals,
    make_row,
    read_counts,
)


def make_pyproject(**project: Any) -> dict[str, Any]:
    return {
        "build-system": {"requires": ["hatchling"]},
        "project": {
            "name": "durable-django",
            "dependencies": ["Django>=5.2"],
            "optional-dependencies": {"rest": ["djangorestframework"]},
            **project,
        },
        "dependency-groups": {
            "test": ["pytest"],
            "dev": [{"include-group": "test"}, "ruff"],
        },
    }


def make_stamp(*requirements: str, python: str = "3.11.7", project: str = "p") -> Stamp:
    return Stamp(python=python, project=project, requirements=list(requirements))


class TestRequirements:
    def test_groups_and_extras_are_expanded_and_sorted(self):
        found = bootstrap.list_requirements(
            make_pyproject(), extras=["rest"], groups=["dev", "test"]
        )

        assert found == ["Django>=5.2", "djangorestframework", "pytest", "ruff"]

    @pytest.mark.parametrize(
        "asked", [{"extras": ["nope"]}, {"groups": ["nope"]}], ids=["extra", "group"]
    )
    def test_unknown_name_is_named(self, asked):
        with pytest.raises(EnvironmentSetupError, match="nope"):
            bootstrap.list_requirements(make_pyproject(), **asked)

    def test_every_group_of_the_project_can_be_expanded(self):
        pyproject = bootstrap.tomllib.loads((bootstrap.ROOT / "pyproject.toml").read_text())

        found = bootstrap.list_requirements(
            pyproject,
            extras=pyproject["project"]["optional-dependencies"],
            groups=pyproject["dependency-groups"],
        )

        assert any(requirement.startswith("django-q2") for requirement in found)


class TestStamp:
    def test_digest_ignores_what_needs_no_reinstall(self):
        plain, described = make_pyproject(), make_pyproject(description="New words")

        assert bootstrap.digest_project(plain) == bootstrap.digest_project(described)

    def test_digest_follows_the_entry_points(self):
        plain, hooked = make_pyproject(), make_pyproject(**{"entry-points": {"pytest11": {}}})

        assert bootstrap.digest_project(plain) != bootstrap.digest_project(hooked)

    @pytest.mark.parametrize(
        ("wanted", "covered"),
        [
            pytest.param(make_stamp("a"), True, id="less"),
            pytest.param(make_stamp("a", "b"), True, id="the-same"),
            pytest.param(make_stamp("a", "c"), False, id="more"),
            pytest.param(make_stamp("a", python="3.11.8"), False, id="another-python"),
            pytest.param(make_stamp("a", project="q"), False, id="another-project"),
        ],
    )
    def test_stamp_covers(self, wanted, covered):
        assert make_stamp("a", "b").covers(wanted) is covered

    def test_merge_remembers_what_the_other_program_installed(self):
        merged = bootstrap.merge(make_stamp("a"), make_stamp("b"))

        assert merged == make_stamp("a", "b")

    def test_merge_forgets_what_another_python_had(self):
        merged = bootstrap.merge(make_stamp("a", python="3.12.1"), make_stamp("b"))

        assert merged == make_stamp("b")

    @pytest.mark.parametrize("text", ["", "[]", "{", '{"python": "3.11.7"}'])
    def test_damaged_stamp_reads_as_none(self, tmp_path, text):
        path = tmp_path / "stamp.json"
        path.write_text(text)

        assert bootstrap.read_stamp(path) is None


class TestEnvironment:
    def test_covered_environment_is_left_alone(self, tmp_path, monkeypatch):
        (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["a"]\n')
        (tmp_path / ".venv").mkdir()
        lines: list[str] = []
        installs: list[list[str]] = []
        # The processes are not ours: what they do is checked by running `python3 -m tests`.
        running = ".".join(str(part) for part in bootstrap.sys.version_info[:3])
        monkeypatch.setattr(bootstrap, "_find_version", lambda _: running)
        monkeypatch.setattr(bootstrap, "_install", lambda *given: installs.append(given[2]))

        first = bootstrap.ensure_environment(root=tmp_path, report=lines.append)
        second = bootstrap.ensure_environment(root=tmp_path, report=lines.append)

        assert installs == [["a"]]
        assert first == second == bootstrap.locate_python(tmp_path / ".venv")
        assert lines == []

    def test_failed_install_leaves_no_stamp(self, tmp_path, monkeypatch):
        def fail(*_):
            raise EnvironmentSetupError("no network")

        (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
        stamp = tmp_path / ".venv" / bootstrap.STAMP_NAME
        stamp.parent.mkdir()
        stamp.write_text("{}")
        monkeypatch.setattr(bootstrap, "_ensure_python", lambda *_: Path("python"))
        monkeypatch.setattr(bootstrap, "_install", fail)

        with pytest.raises(EnvironmentSetupError, match="no network"):
            bootstrap.ensure_environment(root=tmp_path)

        assert not stamp.exists()


class TestOptions:
    def test_all_databases_are_the_default(self):
        options = parse_options([], {})

        assert options.databases == ("sqlite", "postgresql", "mariadb")
        assert options.required == frozenset()
        assert not options.selects

    def test_databases_are_limited_by_any_of_their_names(self):
        options = parse_options(["--db", "mysql,sqlite", "-x"], {})

        assert options.databases == ("sqlite", "mariadb")
        assert options.pytest_args == ("-x",)

    def test_required_services_come_from_the_environment(self):
        options = parse_options([], {"DURABLE_TEST_REQUIRE": "postgres, redis,"})

        assert options.required == {"postgresql", "redis"}

    @pytest.mark.parametrize(
        ("arguments", "environ"),
        [
            pytest.param(["--db", "oracle"], {}, id="unknown-database"),
            pytest.param(["--db"], {}, id="no-value"),
            pytest.param(["--db=redis"], {}, id="not-a-database"),
            pytest.param([], {"DURABLE_TEST_REQUIRE": "oracle"}, id="unknown-service"),
        ],
    )
    def test_nonsense_is_refused(self, arguments, environ):
        with pytest.raises(UsageError):
            parse_options(arguments, environ)

    @pytest.mark.parametrize(
        "arguments", [["-m", "slow"], ["-mslow"], ["-m=slow"]], ids=["apart", "glued", "equals"]
    )
    def test_marker_is_taken_out(self, arguments):
        assert take_option([*arguments, "--maxfail=1"], "-m") == ("slow", ["--maxfail=1"])

    @pytest.mark.parametrize(
        ("arguments", "selects"),
        [
            (["-k", "saga"], True),
            (["-m", "slow"], True),
            (["--lf"], True),
            (["tests/test_bootstrap.py::TestOptions"], True),
            (["-n", "4"], False),
            (["-q", "-x"], False),
        ],
    )
    def test_selection_is_recognised(self, arguments, selects, monkeypatch):
        monkeypatch.chdir(bootstrap.ROOT)

        assert parse_options(arguments, {}).selects is selects


class TestPytestArguments:
    def test_everything_runs_on_sqlite(self):
        arguments = build_pytest_arguments(parse_options([], {}), "sqlite")

        assert "-m" not in arguments
        assert arguments[-2:] == ["-n", "2"]

    def test_other_databases_run_what_needs_them(self):
        arguments = build_pytest_arguments(parse_options(["-m", "a or b"], {}), "mariadb")

        assert arguments[-2:] == ["-m", "database and (a or b)"]

    @pytest.mark.parametrize(
        ("arguments", "unparallel"),
        [
            (["-n4"], True),
            (["-n", "0"], True),
            (["--numprocesses=3"], True),
            (["-p", "no:xdist"], True),
            (["--pdb"], True),
            (["-s"], True),
            (["-p", "no:randomly"], False),
            (["-k", "no:xdist"], False),
            ([], False),
        ],
    )
    def test_one_process_where_the_reader_wants_it(self, arguments, unparallel):
        assert is_unparallel(arguments) is unparallel


class TestServices:
    def test_address_comes_from_the_environment(self):
        environ = {"DURABLE_TEST_MYSQL_URL": "mysql://me@db"}

        assert get_address("mariadb", environ) == "mysql://me@db"
        assert get_address("redis", environ) == "redis://127.0.0.1:6379/0"

    def test_missing_is_what_is_required_and_not_there(self):
        there = Service(name="redis", url="redis://", detail="Redis 7")
        gone = Service(name="mariadb", detail="no answer")
        unwanted = Service(name="postgresql", detail="no answer")

        assert list_missing([there, gone, unwanted], {"redis", "mariadb"}) == [gone]

    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("mysql://root:secret@host:3306", "mysql://root@host:3306"),
            ("redis://host:6379/0", "redis://host:6379/0"),
        ],
    )
    def test_password_is_never_printed(self, url, shown):
        assert hide_password(url) == shown


class TestDatabaseUrl:
    def test_login_is_unquoted(self):
        address = parse_database_url("postgresql://me%40x:p%2Fw@host:5433/db")

        assert address == DatabaseAddress(host="host", port=5433, user="me@x", password="p/w")

    def test_socket_directory_is_the_host(self):
        address = parse_database_url("postgresql://postgres:@/postgres?host=/run/pg")

        assert address == DatabaseAddress(host="/run/pg", port=None, user="postgres", password="")


class TestSummary:
    def test_totals_add_up_the_rows(self):
        rows = [Row(name="sqlite", passed=3, skipped=1), Row(name="mariadb", passed=2, failed=1)]

        assert format_totals(rows) == "5 passed, 1 failed, 1 skipped"

    def test_table_shows_why_a_database_was_skipped(self):
        rows = [
            Row(name="sqlite", passed=3, seconds=1.25, exit_code=0, note="SQLite 3"),
            Row(name="mariadb", note="skipped: no answer"),
        ]

        assert format_table(rows).splitlines()[1:] == [
            "sqlite             3       0        0    1.2 s  SQLite 3",
            "mariadb     skipped: no answer",
        ]

    def test_process_that_ended_badly_counts_as_a_failure(self):
        row = make_row(name="sqlite", exit_code=3, counts={"passed": 2}, seconds=1, note="SQLite")

        assert (row.passed, row.failed) == (2, 1)
        assert row.note == "SQLite; pytest ended with 3"

    @pytest.mark.parametrize(
        ("codes", "selects", "expected"),
        [
            pytest.param([0, 0], False, 0, id="all-well"),
            pytest.param([0, 1], False, 1, id="one-failed"),
            pytest.param([2], False, 1, id="interrupted"),
            pytest.param([0, 5], True, 0, id="selection-without-database-tests"),
            pytest.param([0, 5], False, 1, id="database-tests-vanished"),
            pytest.param([5, 5], True, 5, id="selection-matches-nothing"),
            pytest.param([0, None], False, 0, id="a-database-is-missing"),
        ],
    )
    def test_exit_code(self, codes, selects, expected):
        rows = [Row(name="x", exit_code=code) for code in codes]

        assert decide_exit_code(rows, selects=selects) == expected

    def test_counts_of_a_crashed_run_are_empty(self, tmp_path):
        assert read_counts(tmp_path / "tally.json") == {}
