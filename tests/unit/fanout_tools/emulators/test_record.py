from pathlib import Path

import pytest

from fanout_tools.emulators import Endpoints, StateError
from fanout_tools.emulators.processes import ProcessRecord
from fanout_tools.emulators.record import Run, Started, load, remove, save

RUN = Run(
    emulator="localstack",
    port=4566,
    enforce_iam=False,
    endpoints=Endpoints(url="http://127.0.0.1:4566", dynamodb_url="http://127.0.0.1:8000"),
    servers=[
        Started(
            name="localstack",
            process=ProcessRecord(pid=7, started="1234"),
            health_url="http://127.0.0.1:4566/_localstack/health",
            after_stop=[],
        )
    ],
)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    save(tmp_path, RUN)

    assert load(tmp_path) == RUN


def test_a_shell_can_source_the_endpoints(tmp_path: Path) -> None:
    save(tmp_path, RUN)

    lines = (tmp_path / "endpoint.env").read_text().splitlines()
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:4566" in lines
    assert "AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:8000" in lines


def test_nothing_was_started_where_there_is_no_record(tmp_path: Path) -> None:
    assert load(tmp_path) is None


def test_a_removed_record_leaves_nothing(tmp_path: Path) -> None:
    save(tmp_path, RUN)

    remove(tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{}", '{"servers": [{"process": {}}]}', "[]"])
def test_a_record_that_cannot_be_read_is_an_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)

    with pytest.raises(StateError, match=r"run\.json is no record of a running emulator"):
        load(tmp_path)
