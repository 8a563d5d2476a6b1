"""A short slice of the fuzzing with each run of the tests, and that it finds what is broken."""

import random
from collections.abc import Hashable
from pathlib import Path

import pytest

from fanout_router.http import FrontLimits
from fanout_router.wire.connection import ServerConnection
from scripts.fuzz.__main__ import main
from scripts.fuzz.all_targets import TARGETS
from scripts.fuzz.campaign import Campaign, check
from scripts.fuzz.front_bytes import Front, Stage
from scripts.fuzz.targets import Target, cuts, expect
from scripts.fuzz.wire_bytes import WireServer


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_no_input_of_a_short_campaign_breaks_an_invariant(target: Target, tmp_path: Path) -> None:
    said: list[str] = []
    campaign = Campaign([target], 20_261_121, tmp_path, said.append)
    campaign.turn(100)
    assert not said
    counts = campaign.counts[target.name]
    assert (counts.inputs, counts.broken) == (100, 0)
    assert len(counts.outcomes) > 5  # the inputs reach different ends, not all the same refusal


class Breakable:
    """Breaks on any input with a 7 in it."""

    name = "breakable"

    def generate(self, rng: random.Random) -> bytes:
        return rng.randbytes(4)

    def mutate(self, rng: random.Random, data: bytes, other: bytes) -> bytes:
        return data + b"\x07"

    def check(self, data: bytes, rng: random.Random) -> Hashable:
        expect(7 not in data, "a 7")
        return len(data)


def test_what_breaks_is_kept_once_and_can_be_replayed(tmp_path: Path) -> None:
    said: list[str] = []
    campaign = Campaign([Breakable()], 1, tmp_path, said.append)
    campaign.turn(200)
    (kept,) = tmp_path.iterdir()
    assert f"--replay {kept}" in said[-1]
    with pytest.raises(AssertionError, match="a 7"):
        check(Breakable(), kept.read_bytes())


def test_the_same_seed_draws_the_same_inputs(tmp_path: Path) -> None:
    outcomes = []
    for _ in range(2):
        campaign = Campaign([TARGETS[0]], 5, tmp_path, print)
        campaign.turn(30)
        outcomes.append(campaign.counts[TARGETS[0].name].outcomes)
    assert outcomes[0] == outcomes[1]


def test_a_codec_that_loses_its_place_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # GIVEN a codec that forgets the first byte of what it has to keep until more comes
    receive = ServerConnection.receive

    def forgetful(self: ServerConnection, data: bytes) -> None:
        receive(self, data)
        self._buffer = self._buffer[1:]

    monkeypatch.setattr(ServerConnection, "receive", forgetful)
    # WHEN it is fuzzed
    campaign = Campaign([WireServer()], 1, tmp_path, lambda text: None)
    campaign.turn(20)
    # THEN that is seen
    assert campaign.counts["wire-server"].broken


def test_pieces_make_the_whole() -> None:
    rng = random.Random(3)
    for size in (0, 1, 5, 100, 10_000):
        data = rng.randbytes(size)
        assert b"".join(cuts(rng, data)) == data


def test_a_file_that_names_no_target_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other.bin"
    path.write_bytes(b"")
    assert main(["--replay", str(path)]) == 2
    assert "wire-server" in capsys.readouterr().err


def test_an_input_goes_to_the_target_whose_whole_name_its_own_begins_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(Front, "check", lambda self, _data, _rng: asked.append(self.name))
    path = tmp_path / "front-early-abc.bin"
    path.write_bytes(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert main(["--replay", str(path)]) == 0
    assert asked == ["front-early"]


def test_a_front_serves_one_input_after_the_other_until_one_breaks_it() -> None:
    stage = Stage(FrontLimits(), 2)
    with stage.serving() as (first, _):
        pass
    with pytest.raises(AssertionError, match="a channel was lost"), stage.serving() as (second, _):
        second.env.die()
    with stage.serving() as (third, _):
        pass
    assert second is first
    assert third is not first


def test_no_input_is_cut_into_so_many_pieces_that_it_takes_the_time_of_many() -> None:
    rng = random.Random(4)
    assert max(len(cuts(rng, bytes(20_000))) for _ in range(200)) == 64 + 2


def test_a_kept_input_is_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "front-abc.bin"
    path.write_bytes(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert main(["--replay", str(path)]) == 0
    assert "200" in capsys.readouterr().out
