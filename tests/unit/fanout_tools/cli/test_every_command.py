"""What every command of ``fanout`` has, so that a person or a script can rely on it; who lacks one says why here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from fanout_tools.cli.app import DECLARE, DEPLOY, EXITS, LOCAL, OPERATE, application, run
from fanout_tools.declarations.worker import load_all
from fanout_tools.project import project

PANELS = {
    DECLARE: "reads and writes the files of a checkout: it has no deployment, and version control shows what it did",
    DEPLOY: "names its environment as an argument, and shows what Terraform says; `fanout plan` is the dry run",
    LOCAL: "speaks of this machine, in NAME=value lines for a shell",
}
"""The commands under these headings have no --env, --json and --dry-run, and why."""

WITHOUT_JSON = {
    "console": "serves pages, each of them as JSON too",
    "dlq show": "prints JSON as it is",
    "operations show": "prints JSON as it is",
    "dlq export": "writes JSON lines into a file",
}

READS = {
    "status", "top", "trace", "why", "logs", "compare", "doctor", "dlq ls", "dlq group", "dlq show", "dlq export",
    "operations ls", "operations show",
}  # fmt: skip
"""These change nothing that --dry-run could tell beforehand."""
WITHOUT_DRY_RUN = {
    "canary": "sends what no handler sees, and nothing of it stays",
    "console": "shows the plan of each change before it is confirmed",
    "tail": "makes a rule and a queue of its own, and takes them away",
    "outbox": "publishes with --relay alone: without it, it lists what that would publish",
}

WORKERS = {"worker", "workers", "about"}
"""Parameters that a shell completes with the project's workers."""


def commands() -> Iterator[tuple[str, str, Any]]:
    """Each command that does something: its heading, its name, and what typer makes of it."""
    root: Any = typer.main.get_command(application())
    for name, command in root.commands.items():
        for path, each in _below(name, command):
            yield command.rich_help_panel, path, each


def _below(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, each in command.commands.items():
        yield from _below(f"{path} {name}", each)


ALL = list(commands())
OPERATING = [(path, command) for panel, path, command in ALL if panel == OPERATE]


def options(command: Any) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}


def offered(command: Any, parameter: Any, beginning: str = "") -> set[str]:
    return {it.value for it in parameter.shell_complete(typer.Context(command), beginning)}


def test_the_lists_name_commands_that_there_are() -> None:
    names = {path for _, path, _ in ALL}

    assert {panel for panel, _, _ in ALL} == {*PANELS, OPERATE}
    assert {*WITHOUT_JSON, *READS, *WITHOUT_DRY_RUN} <= names


@pytest.mark.parametrize(("path", "command"), [it[1:] for it in ALL], ids=[it[1] for it in ALL])
def test_its_help_has_an_example_and_the_exit_statuses(path: str, command: Any) -> None:
    examples = re.findall(rf"^(?:Example: |    )?(fanout {path}\b.*)$", command.help or "", flags=re.MULTILINE)

    assert examples, f"fanout {path}: the help shows no command line"
    assert command.epilog == EXITS


@pytest.mark.parametrize(("path", "command"), [it[1:] for it in ALL], ids=[it[1] for it in ALL])
def test_the_options_of_its_examples_exist(path: str, command: Any) -> None:
    for example in re.findall(rf"^(?:Example: |    )?fanout {path}\b(.*)$", command.help, flags=re.MULTILINE):
        own = re.sub(r'"[^"]*"|\'[^\']*\'', "", example).partition("|")[0]
        known = {*options(command), *(it for parameter in command.params for it in parameter.secondary_opts)}
        assert set(re.findall(r"(?<=\s)--[\w-]+", own)) <= known


@pytest.mark.parametrize(("path", "command"), OPERATING, ids=[it[0] for it in OPERATING])
def test_it_takes_an_environment_and_prints_json(path: str, command: Any) -> None:
    assert "--env" in options(command)
    assert ("--json" in options(command)) is (path not in WITHOUT_JSON)


@pytest.mark.parametrize(("path", "command"), OPERATING, ids=[it[0] for it in OPERATING])
def test_what_changes_something_tells_it_beforehand(path: str, command: Any) -> None:
    assert ("--dry-run" in options(command)) is (path not in READS and path not in WITHOUT_DRY_RUN)


@pytest.mark.parametrize(("path", "command"), [it[1:] for it in ALL], ids=[it[1] for it in ALL])
def test_a_shell_completes_workers_and_environments(path: str, command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FANOUT_SERVICES", raising=False)
    declared = set(load_all(project().services))
    for parameter in command.params:
        if parameter.name in WORKERS:
            assert offered(command, parameter) == declared, f"fanout {path}: {parameter.name}"
            assert all(offered(command, parameter, name[:-1]) >= {name} for name in declared)
            assert offered(command, parameter, "no-such-") == set()
        elif parameter.name == "env":
            assert offered(command, parameter) >= {"local", "prod"}, f"fanout {path}: {parameter.name}"


def test_a_shell_is_offered_nothing_outside_of_a_project(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for _, _, command in ALL:
        for parameter in command.params:
            if parameter.name in WORKERS:
                assert not offered(command, parameter)
    assert capsys.readouterr() == ("", "")


def test_ctrl_c_ends_any_command_with_130() -> None:
    interrupted = typer.Typer()

    @interrupted.command("one")
    def one() -> None:
        raise KeyboardInterrupt

    @interrupted.command("another")
    def another() -> None:
        """There are several, as in fanout."""

    assert run(["one"], interrupted) == 130
