from collections.abc import Callable
from pathlib import Path

import pytest

from fanout_tools.emulators import InstallError, PythonMissingError
from fanout_tools.emulators.venvs import ensure_venv, find_python

#: Stands for an interpreter: makes a "virtual environment" with itself in it, and notes what pip is asked for.
PYTHON = """
case "$1 $2" in
  "-m venv") rm -rf "$4"; mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; echo venv >> {calls};;
  "-m pip") shift 2; echo "pip $*" >> {calls}; {pip};;
esac
"""


class Maker:
    """A place for a virtual environment, and what was done to make it."""

    def __init__(self, tmp_path: Path, program: Callable[[str, str], Path], pip: str = "true") -> None:
        self.calls_file = tmp_path / "calls"
        self.requirements = tmp_path / "requirements.txt"
        self.requirements.write_text("thing==1\n")
        self.python = program("python", PYTHON.format(calls=self.calls_file, pip=pip))
        self.venv = tmp_path / "venv"

    def ensure(self, *packages: Path, python: Path | None = None) -> Path:
        return ensure_venv(self.venv, python=python or self.python, requirements=self.requirements, packages=packages)

    @property
    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines()


@pytest.fixture(autouse=True)
def with_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """uv would have to be fetched."""
    monkeypatch.setenv("FANOUT_INSTALLER", "pip")


@pytest.fixture
def maker(tmp_path: Path, program: Callable[[str, str], Path]) -> Maker:
    return Maker(tmp_path, program)


def test_the_first_time_it_is_made_and_filled(maker: Maker) -> None:
    interpreter = maker.ensure()

    assert interpreter == maker.venv / "bin" / "python"
    assert maker.calls[0] == "venv"
    assert maker.calls[1].endswith(f"--requirement {maker.requirements}")


def test_the_second_time_nothing_is_done(maker: Maker) -> None:
    maker.ensure()
    maker.ensure()

    assert maker.calls.count("venv") == 1


def test_by_another_name_the_same_interpreter_is_no_reason_to_make_it_anew(maker: Maker) -> None:
    maker.ensure()
    link = maker.python.with_name("python3")
    link.symlink_to(maker.python)

    maker.ensure(python=link)

    assert maker.calls.count("venv") == 1


def test_changed_requirements_make_it_anew(maker: Maker) -> None:
    maker.ensure()
    maker.requirements.write_text("thing==2\n")
    maker.ensure()

    assert maker.calls.count("venv") == 2


def test_packages_are_installed_editable_and_their_metadata_counts(maker: Maker, tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "pyproject.toml").write_text("[project]\n")
    maker.ensure(package)
    assert maker.calls[-1].endswith(f"--no-deps --editable {package}")

    (package / "pyproject.toml").write_text("[project]\nversion = '2'\n")
    maker.ensure(package)

    assert maker.calls.count("venv") == 2


def test_what_a_killed_command_has_left_half_made_is_made_anew(maker: Maker) -> None:
    maker.ensure()
    (maker.venv / ".made-from").unlink()

    maker.ensure()

    assert maker.calls.count("venv") == 2


def test_a_failure_shows_what_pip_said_and_is_tried_again(tmp_path: Path, program: Callable[[str, str], Path]) -> None:
    maker = Maker(tmp_path, program, pip="echo 'no matching distribution' >&2; exit 1")

    for _ in range(2):
        with pytest.raises(InstallError, match=r"(?s)cannot make .*no matching distribution"):
            maker.ensure()

    assert maker.calls.count("venv") == 2


Program = Callable[[str, str], Path]


def environ(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "bin"), **more}


def install(directory: Path, version: str) -> Path:
    """An interpreter in the layout of pyenv and uv."""
    python = directory / "bin" / "python3.13"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\necho {version}\n")
    python.chmod(0o755)
    return python


def test_the_interpreter_that_is_named_is_taken(program: Program, tmp_path: Path) -> None:
    named = program("mine", "echo 3.13")

    assert find_python("3.13", environ(tmp_path, PYTHON313=str(named))) == named


def test_a_named_interpreter_of_another_version_is_an_error(program: Program, tmp_path: Path) -> None:
    named = program("mine", "echo 3.12")

    with pytest.raises(PythonMissingError, match=r"PYTHON313 is .*mine, which is no Python 3\.13"):
        find_python("3.13", environ(tmp_path, PYTHON313=str(named)))


def test_the_interpreter_on_path_is_taken(program: Program, tmp_path: Path) -> None:
    on_path = program("python3.13", "echo 3.13")

    assert find_python("3.13", environ(tmp_path)) == on_path


def test_a_shim_that_does_not_run_is_passed_over_for_pyenvs_newest_version(program: Program, tmp_path: Path) -> None:
    program("python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    install(tmp_path / "home/.pyenv/versions/3.13.0", "3.13")
    newest = install(tmp_path / "home/.pyenv/versions/3.13.5", "3.13")

    assert find_python("3.13", environ(tmp_path)) == newest


def test_uvs_interpreter_is_found_where_uv_was_told_to_put_it(tmp_path: Path) -> None:
    python = install(tmp_path / "uv/cpython-3.13.1-linux-x86_64-gnu", "3.13")

    assert find_python("3.13", environ(tmp_path, UV_PYTHON_INSTALL_DIR=str(tmp_path / "uv"))) == python


def test_with_none_the_error_says_how_to_get_or_name_one(tmp_path: Path) -> None:
    with pytest.raises(PythonMissingError, match=r"uv python install 3\.13.*set PYTHON313"):
        find_python("3.13", environ(tmp_path))
