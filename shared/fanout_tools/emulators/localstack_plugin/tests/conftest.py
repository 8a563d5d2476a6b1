"""Functions to run, and the interpreter to run them on: FANOUT_FUNCTION_PYTHON, as LocalStack is given it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fanout_localstack.process import FunctionProcess

Start = Callable[..., FunctionProcess]


@pytest.fixture(scope="session")
def function_python() -> Path:
    """The interpreter that has awslambdaric."""
    return Path(os.environ["FANOUT_FUNCTION_PYTHON"])


@pytest.fixture
def code(tmp_path: Path) -> Callable[[str], Path]:
    """Write a function's source, as ``app.py``, into a directory of its own."""

    def write(source: str) -> Path:
        directory = tmp_path / "code"
        directory.mkdir(exist_ok=True)
        (directory / "app.py").write_text(source)
        return directory

    return write


@pytest.fixture
def start(function_python: Path, code: Callable[[str], Path], tmp_path: Path) -> Iterator[Start]:
    """Start a process for a function's source."""
    started = []

    def begin(source: str, **environment: str) -> FunctionProcess:
        process = FunctionProcess(
            python=function_python,
            handler="app.handler",
            code=code(source),
            environment={"PATH": os.defpath, "PYTHONUNBUFFERED": "1", **environment},
            log=tmp_path / "log",
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
