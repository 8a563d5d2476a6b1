import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fanout_tools.emulators import (
    EmulatorError,
    NotHealthyError,
    PortTakenError,
    StateError,
    down,
    lifecycle,
    reset,
    running,
    status,
    up,
)
from fanout_tools.emulators.lifecycle import EMULATORS
from fanout_tools.emulators.model import Plan, Request
from fanout_tools.emulators.ports import free_port
from fanout_tools.emulators.processes import ProcessRecord, members, runs
from fanout_tools.emulators.record import load, save
from tests.unit.fanout_tools.emulators.conftest import SERVER

Emulate = Callable[..., None]


def processes(run_dir: Path) -> list[int]:
    run = load(run_dir)
    assert run
    return [pid for server in run.servers for pid in members(server.process)]


def test_up_answers_with_where_it_is_once_it_is_healthy(emulate: Emulate, tmp_path: Path) -> None:
    emulate()

    endpoints = up("ministack", run_dir=tmp_path)

    assert endpoints.url.startswith("http://127.0.0.1:")
    assert status("ministack", run_dir=tmp_path) == {"server": "healthy"}
    assert f"AWS_ENDPOINT_URL={endpoints.url}\n" in (tmp_path / "endpoint.env").read_text()


def test_the_port_that_is_asked_for_is_taken(emulate: Emulate, tmp_path: Path) -> None:
    emulate()
    port = free_port()

    assert up("ministack", run_dir=tmp_path, port=port).url == f"http://127.0.0.1:{port}"


def test_the_usual_port_is_taken_where_it_is_free(
    emulate: Emulate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulate()
    usual = free_port()
    monkeypatch.setattr(lifecycle, "PREFERRED_PORT", usual)

    assert up("ministack", run_dir=tmp_path, port=None).url == f"http://127.0.0.1:{usual}"


def test_a_second_checkout_takes_and_names_another_port(
    emulate: Emulate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    emulate()
    monkeypatch.setattr(lifecycle, "PREFERRED_PORT", free_port())
    first = up("ministack", run_dir=tmp_path, port=None)

    with running("ministack", run_dir=tmp_path / "other", port=None) as second:
        assert second.url != first.url
        assert second.url.rpartition(":")[2] in capsys.readouterr().err
        # Whatever follows in the second checkout finds the port that was recorded.
        assert up("ministack", run_dir=tmp_path / "other", port=None) == second

    assert status("ministack", run_dir=tmp_path) == {"server": "healthy"}


def test_a_recorded_process_whose_id_was_given_to_another_is_not_ended(emulate: Emulate, tmp_path: Path) -> None:
    emulate()
    up("ministack", run_dir=tmp_path)
    run = load(tmp_path)
    assert run
    down("ministack", run_dir=tmp_path)
    other = replace(run.servers[0], process=ProcessRecord(pid=os.getpid(), started="long ago"))
    save(tmp_path, replace(run, servers=[other]))

    up("ministack", run_dir=tmp_path)

    assert status("ministack", run_dir=tmp_path) == {"server": "healthy"}


def test_up_again_says_so_and_starts_nothing(
    emulate: Emulate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    emulate()
    first = up("ministack", run_dir=tmp_path)
    before = processes(tmp_path)

    assert up("ministack", run_dir=tmp_path) == first
    assert processes(tmp_path) == before
    assert "ministack is already running" in capsys.readouterr().err


@pytest.mark.parametrize("change", [{"port": 1}, {"enforce_iam": True}])
def test_up_with_another_port_or_option_does_not_pass_for_done(
    emulate: Emulate, tmp_path: Path, change: dict[str, int]
) -> None:
    emulate()
    up("ministack", run_dir=tmp_path)

    with pytest.raises(StateError, match="stop it with `down` first"):
        up("ministack", run_dir=tmp_path, **change)  # type: ignore[arg-type]


def test_one_that_died_is_started_anew(emulate: Emulate, tmp_path: Path) -> None:
    emulate()
    up("ministack", run_dir=tmp_path)
    run = load(tmp_path)
    assert run
    os.kill(run.servers[0].process.pid, 9)

    up("ministack", run_dir=tmp_path)

    assert status("ministack", run_dir=tmp_path) == {"server": "healthy"}


def test_down_ends_the_server_and_what_it_has_started(emulate: Emulate, tmp_path: Path) -> None:
    emulate()
    up("ministack", run_dir=tmp_path)
    before = processes(tmp_path)
    assert len(before) == 2

    assert down("ministack", run_dir=tmp_path)

    assert not any(runs(pid) for pid in before)
    assert status("ministack", run_dir=tmp_path) == {}
    assert not (tmp_path / "endpoint.env").exists()


def test_down_where_nothing_runs_says_so(tmp_path: Path) -> None:
    assert not down("ministack", run_dir=tmp_path)


def test_two_run_directories_are_two_emulators(emulate: Emulate, tmp_path: Path) -> None:
    emulate()
    first = up("ministack", run_dir=tmp_path)

    with running("ministack", run_dir=tmp_path / "second") as second:
        assert second.url != first.url

    assert status("ministack", run_dir=tmp_path) == {"server": "healthy"}


def test_running_ends_with_the_block_however_that_ends(emulate: Emulate, tmp_path: Path) -> None:
    emulate()

    def fail() -> None:
        with running("ministack", run_dir=tmp_path):
            before.extend(processes(tmp_path))
            raise ZeroDivisionError

    before: list[int] = []
    with pytest.raises(ZeroDivisionError):
        fail()

    assert before
    assert not any(runs(pid) for pid in before)


def test_running_ends_what_an_earlier_block_has_left(emulate: Emulate, tmp_path: Path) -> None:
    emulate()
    up("ministack", run_dir=tmp_path, port=free_port())
    left = processes(tmp_path)

    with running("ministack", run_dir=tmp_path):
        assert not any(runs(pid) for pid in left)


def test_one_that_dies_while_it_starts_is_an_error_with_its_last_words(emulate: Emulate, tmp_path: Path) -> None:
    emulate("ministack", "import sys, time; time.sleep(0.2); sys.exit('no licence')")

    with pytest.raises(NotHealthyError, match=r"(?s)server ended while it started.*no licence"):
        up("ministack", run_dir=tmp_path)

    assert status("ministack", run_dir=tmp_path) == {}


def test_one_that_is_never_healthy_is_stopped_and_is_an_error_with_its_last_words(
    emulate: Emulate, tmp_path: Path
) -> None:
    emulate("ministack", "import time; print('waiting for a token', flush=True); time.sleep(600)")

    with pytest.raises(NotHealthyError, match=r"(?s)not healthy at http://.*after 1 s.*waiting for a token"):
        up("ministack", run_dir=tmp_path, timeout_seconds=1)

    assert status("ministack", run_dir=tmp_path) == {}


def test_when_a_later_server_fails_the_earlier_ones_are_stopped(emulate: Emulate, tmp_path: Path) -> None:
    first = f"import os; open('started', 'w').write(str(os.getpid()))\n{SERVER}"
    emulate("ministack", first, "raise SystemExit(1)")

    with pytest.raises(NotHealthyError):
        up("ministack", run_dir=tmp_path)

    assert not runs(int((tmp_path / "started").read_text()))


def test_a_port_that_is_taken_is_an_error_before_anything_is_started(emulate: Emulate, tmp_path: Path) -> None:
    emulate()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        with pytest.raises(PortTakenError):
            up("ministack", run_dir=tmp_path, port=other.getsockname()[1])


def test_reset_of_ministack_empties_it_where_it_is(emulate: Emulate, tmp_path: Path) -> None:
    emulate()
    endpoints = up("ministack", run_dir=tmp_path)
    before = processes(tmp_path)

    assert reset("ministack", run_dir=tmp_path) == endpoints

    assert (tmp_path / "reset").read_text() == "/_ministack/reset"
    assert processes(tmp_path) == before


def test_reset_of_localstack_starts_it_anew_on_its_port(emulate: Emulate, tmp_path: Path) -> None:
    emulate("localstack")
    endpoints = up("localstack", run_dir=tmp_path)
    before = processes(tmp_path)

    assert reset("localstack", run_dir=tmp_path) == endpoints

    assert not any(runs(pid) for pid in before)
    assert status("localstack", run_dir=tmp_path) == {"server": "healthy"}


def test_reset_where_nothing_runs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"ministack is not running in .*start it with `up` first"):
        reset("ministack", run_dir=tmp_path)


def test_only_ministack_can_enforce_iam(tmp_path: Path) -> None:
    with pytest.raises(EmulatorError, match="localstack cannot enforce IAM"):
        up("localstack", run_dir=tmp_path, enforce_iam=True)


def test_an_unknown_emulator_is_an_error_that_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(EmulatorError, match=r"no emulator 'mockstack'.*localstack, localstack-docker, ministack"):
        up("mockstack", run_dir=tmp_path)


def test_an_emulator_that_cannot_be_prepared_leaves_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(request: Request) -> Plan:
        raise EmulatorError("no Docker")

    monkeypatch.setitem(EMULATORS, "ministack", refuse)

    with pytest.raises(EmulatorError, match="no Docker"):
        up("ministack", run_dir=tmp_path)

    assert load(tmp_path) is None
