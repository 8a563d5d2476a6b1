"""The command itself: what it says of itself, and how it names what is wrong."""

from importlib import metadata

import pytest

from fanout_router import cli


def test_its_version_is_that_of_its_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])

    assert ended.value.code == 0
    assert capsys.readouterr().out == f"fanout-router {metadata.version('fanout-bus')}\n"


def test_what_is_wrong_is_named_by_its_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "shop:app", "--port", "70000"]) == 2

    assert "--port" in capsys.readouterr().err
