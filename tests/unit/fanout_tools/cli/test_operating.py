"""How operations that were cut off are told of."""

import pytest
import typer
from botocore.exceptions import EndpointConnectionError

from fanout_tools.cli.operating import INTERRUPTED, STUCK, carried
from fanout_tools.operate.actions.carrying import Result

RESUME = "`fanout operations resume op-1` carries it on"


def unreachable() -> Result:
    raise EndpointConnectionError(endpoint_url="https://sqs")


def interrupted() -> Result:
    raise KeyboardInterrupt


def test_a_failure_in_the_middle_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(EndpointConnectionError):
        carried("op-1", unreachable, verb="sent", as_json=False)

    assert RESUME in capsys.readouterr().err


def test_ctrl_c_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        carried("op-1", interrupted, verb="sent", as_json=False)

    assert ended.value.exit_code == INTERRUPTED
    assert RESUME in capsys.readouterr().err


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (Result(carried=1, refused={"m": "no"}), "1 were not taken, and stay"),
        (Result(carried=1, left=["m"]), "1 may have been sent before"),
        (Result(carried=1, stopped="1 of 1 came back"), f"stopped: 1 of 1 came back; {RESUME}"),
    ],
)
def test_what_is_left_is_told_and_is_no_success(result: Result, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        carried("op-1", lambda: result, verb="sent", as_json=False)

    assert ended.value.exit_code == STUCK
    assert told in capsys.readouterr().out
