"""The commands that work on dead letters, over a deployment in memory: plans, and no payload unless asked for."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from fanout.events.personal import KEYWORD, MASK
from fanout_tools.cli import operating
from fanout_tools.cli.app import application
from fanout_tools.cli.dlq import editing
from fanout_tools.operate import journal
from fanout_tools.operate.masking import Masking
from tests.unit.fanout_tools.operate.actions.conftest import Lambda, Scheduler
from tests.unit.fanout_tools.operate.mortal import Deployment, event

PAYLOAD = "what-somebody-bought"
RUNNER = CliRunner()


class STS:
    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "123456789012", "Arn": "arn:aws:sts::123456789012:assumed-role/operator/ann", "UserId": "u"}


class Functions(Lambda):
    def get_function_configuration(self, **_: Any) -> dict[str, Any]:
        return {"LastModified": "2026-11-28T00:00:00.000+0000"}


class S3:
    def __init__(self) -> None:
        self.keys: list[str] = []

    def put_object(self, **request: Any) -> None:
        self.keys.append(request["Key"])


class Events:
    """A bus whose replays end at once; each begins once."""

    def __init__(self) -> None:
        self.replays: list[str] = []

    def put_events(self, **request: Any) -> dict[str, Any]:
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in request["Entries"]]}

    def start_replay(self, **request: Any) -> None:
        if request["ReplayName"] in self.replays:
            raise ClientError({"Error": {"Code": "ResourceAlreadyExistsException"}}, "StartReplay")
        self.replays.append(request["ReplayName"])

    def cancel_replay(self, **_: Any) -> None:
        raise AssertionError("nobody cancels")

    def describe_replay(self, ReplayName: str) -> dict[str, str]:  # noqa: N803 - boto3's name
        assert ReplayName in self.replays
        return {"State": "COMPLETED"}


class CloudWatch:
    def get_metric_data(self, **_: Any) -> dict[str, Any]:
        return {"MetricDataResults": []}


class World:
    """A worker with three dead letters, and who operates it."""

    def __init__(self) -> None:
        self.deployment = Deployment()
        for number in range(3):
            body = event(number, bought=PAYLOAD)
            attributes = {"error_type": "Reject", "error_message": "not in stock", "worker": "billing", "attempts": "1"}
            typed = {name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()}
            self.deployment.dlq.send(body, attributes=typed)
        self.s3 = S3()
        self.clients: dict[str, Any] = {
            "sqs": self.deployment.sqs,
            "dynamodb": self.deployment.dynamodb,
            "sts": STS(),
            "lambda": Functions(),
            "s3": self.s3,
            "scheduler": Scheduler(),
            "cloudwatch": CloudWatch(),
            "events": Events(),
        }

    @property
    def standing(self) -> tuple[int, int, int]:
        """Dead letters, messages in the queue, copies."""
        return len(self.deployment.dlq.messages), len(self.deployment.queue.messages), len(self.s3.keys)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(operating, "topology_of", lambda *_: made.deployment.topology)
    monkeypatch.setattr(operating.Operating, "sweep", lambda _: None)
    monkeypatch.setattr("fanout.aws.client", lambda service: made.clients[service])
    return made


def run(*arguments: str, code: int = 0) -> str:
    """What a command prints, all of it."""
    done = RUNNER.invoke(application(), arguments)
    assert done.exit_code == code, done.output
    return done.output


def operation_of(printed: str) -> str:
    [line] = [json.loads(it) for it in printed.splitlines() if it.startswith("{")]
    return str(line["operation"])


@pytest.fixture
def corrected(tmp_path: Path) -> Path:
    file = tmp_path / "data.json"
    file.write_text(json.dumps({"number": 0, "bought": f"{PAYLOAD}-not"}))
    return file


def test_no_command_prints_a_payload_unless_asked_to(world: World, corrected: Path, monkeypatch: Any) -> None:
    """GIVEN dead letters WHEN they are looked at, and worked off THEN their data are nowhere in what is printed; asked
    for, they are: what is personal, or no contract describes, to who says why."""
    monkeypatch.setattr(editing, "contract_of", lambda _: None)
    monkeypatch.setattr(editing, "read_event", lambda *_: None)
    why = ["--why", "a test"]
    edit = run("dlq", "edit", "billing", "event-0", "--data", str(corrected), *why, "--yes", "--json")
    drop = run("dlq", "drop", "billing", "--id", "event-1", *why, "--yes", "--json")
    printed = [
        edit,
        drop,
        *(run("dlq", command, "billing", *json_) for command in ("ls", "group") for json_ in ([], ["--json"])),
        run("dlq", "show", "billing", "event-2"),
        run("dlq", "redrive", "billing", *why, "--dry-run"),
        run("operations", "show", operation_of(edit)),
        run("operations", "show", operation_of(drop)),
        run("operations", "ls"),
        run("operations", "ls", "--json"),
        run("operations", "resume", operation_of(edit), "--dry-run"),
        run("dlq", "redrive", "billing", *why, "--yes"),
    ]

    assert [text for text in printed if PAYLOAD in text] == []
    assert PAYLOAD in run("operations", "show", operation_of(edit), "--body", "--personal", *why)


def test_a_message_is_shown_with_its_payload_on_request(world: World) -> None:
    why = ["--personal", "--why", "a test"]
    assert PAYLOAD in run("dlq", "show", "billing", "event-0", "--body", *why)
    assert world.standing == (3, 0, 0)


def refuse(**_: Any) -> None:
    raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "PutItem")


@pytest.fixture
def _marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was bought is personal."""
    schema = {"properties": {"number": {"type": "integer"}, "bought": {"type": "string", KEYWORD: True}}}
    monkeypatch.setattr(operating, "masking", lambda: Masking({"shop.orders/OrderPlaced": schema}))


@pytest.mark.usefixtures("_marked")
def test_a_personal_value_is_shown_to_who_says_why_and_may_write_it_down(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN dead letters with a personal value WHEN shown and exported THEN it is masked, and all else is there; asked
    for with a reason it is shown, and the journal has who saw which message; without one, or by somebody who may not
    write into the journal, it is not."""
    masked = json.loads(run("dlq", "show", "billing", "event-0", "--body"))
    assert json.loads(masked["body"])["detail"]["data"] == {"number": 0, "bought": MASK}
    run("dlq", "export", "billing", str(tmp_path / "masked.jsonl"))
    assert PAYLOAD not in (tmp_path / "masked.jsonl").read_text()
    assert run("operations", "ls", "--json") == ""

    assert PAYLOAD not in run("dlq", "show", "billing", "event-0", "--personal", code=1)
    with monkeypatch.context() as denied:
        denied.setattr(world.clients["dynamodb"], "put_item", refuse)
        assert PAYLOAD not in run("dlq", "show", "billing", "event-0", "--personal", "--why", "curious", code=1)
    assert PAYLOAD in run("dlq", "show", "billing", "event-0", "--personal", "--why", "ticket 7")
    run("dlq", "export", "billing", str(tmp_path / "all.jsonl"), "--personal", "--why", "ticket 8")
    assert (tmp_path / "all.jsonl").read_text().count(PAYLOAD) == 3
    listed = [json.loads(line) for line in run("operations", "ls", "--json").splitlines()]
    assert {(it["kind"], it["why"], it["total"], it["status"]) for it in listed} == {
        ("personal", "ticket 7", 1, "finished"),
        ("personal", "ticket 8", 3, "finished"),
    }


@pytest.mark.usefixtures("_marked")
def test_an_event_is_edited_without_seeing_what_is_personal(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN masked data WHEN something else in them is changed THEN the worker gets the change and the value."""
    monkeypatch.setattr(editing, "contract_of", lambda _: None)
    monkeypatch.setattr(editing, "read_event", lambda *_: None)
    file = tmp_path / "data.json"
    file.write_text(json.dumps({"number": 70, "bought": MASK}))

    said = run("dlq", "edit", "billing", "event-0", "--data", str(file), "--why", "a test", "--yes")

    assert PAYLOAD not in said
    assert '+  "number": 70' in said
    [sent] = world.deployment.queue.messages
    assert json.loads(sent.body)["detail"]["data"] == {"number": 70, "bought": PAYLOAD}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["dlq", "redrive", "billing"], {"chosen": 3, "to": "shop-prod-billing"}),
        (["dlq", "drop", "billing"], {"chosen": 3}),
        (["pause", "billing", "--for", "1h"], {"instead_of": []}),
    ],
    ids=["redrive", "drop", "pause"],
)
def test_a_dry_run_tells_what_would_be_done_and_does_nothing(
    world: World, arguments: list[str], told: dict[str, Any]
) -> None:
    said = run(*arguments, "--why", "a test", "--dry-run")
    plan = json.loads(RUNNER.invoke(application(), [*arguments, "--why", "a test", "--dry-run", "--json"]).stdout)

    assert said.strip()
    assert {name: plan[name] for name in told} == told
    assert world.standing == (3, 0, 0)
    assert world.clients["lambda"].enabled
    assert run("operations", "ls", "--json") == ""


def test_a_dry_run_of_an_edit_shows_the_change(world: World, corrected: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(editing, "contract_of", lambda _: None)
    monkeypatch.setattr(editing, "read_event", lambda *_: None)
    arguments = ["dlq", "edit", "billing", "event-0", "--data", str(corrected), "--why", "a test", "--dry-run"]

    assert f'+  "bought": "{PAYLOAD}-not"' in run(*arguments)
    assert json.loads(run(*arguments, "--json"))["event_id"] == "event-0"
    assert world.standing == (3, 0, 0)


def test_a_dry_run_of_a_resumption_tells_what_is_left(world: World) -> None:
    """GIVEN a drop that was cut off before its only step WHEN its resumption is tried dry THEN all three are left."""

    def put_object(**_: Any) -> None:
        raise KeyboardInterrupt

    world.s3.put_object = put_object  # type: ignore[method-assign]
    cut = RUNNER.invoke(application(), ["dlq", "drop", "billing", "--why", "a test", "--yes"])
    assert cut.exit_code == 130
    [listed] = map(json.loads, run("operations", "ls", "--json").splitlines())

    said = run("operations", "resume", listed["operation"], "--dry-run")
    told = json.loads(run("operations", "resume", listed["operation"], "--dry-run", "--json"))

    assert "3 of 3 are left; 3 of them may have been sent" in said
    assert (told["left"], told["may_have_been_sent"]) == (3, 3)


def test_a_replay_to_all_whose_process_died_is_carried_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a replay that EventBridge has begun, and whose laptop died then WHEN it is carried on THEN it is not begun
    again, and the journal has its end."""

    def die(**_: Any) -> None:
        raise SystemExit(137)

    span = ["--from", "2026-11-27T10:00", "--to", "2026-11-27T12:00", "--why", "a test", "--beyond-fence"]
    monkeypatch.setattr(journal, "HELD_S", -5)
    with monkeypatch.context() as dying:
        dying.setattr(world.clients["events"], "describe_replay", die)
        dying.setattr(world.clients["events"], "cancel_replay", die)
        run("replay", "--all", *span, "--yes", code=137)
    [cut] = [json.loads(line) for line in run("operations", "ls", "--json").splitlines()]
    assert cut["status"] == "running"

    assert f"{cut['operation']}: replayed" in run("operations", "resume", cut["operation"])
    [ended] = [json.loads(line) for line in run("operations", "ls", "--json").splitlines()]
    assert (ended["status"], len(world.clients["events"].replays)) == ("finished", 1)


@pytest.mark.parametrize("cut_off", [False, True])
def test_a_persons_dead_letters_are_dropped_without_a_copy(
    world: World, monkeypatch: pytest.MonkeyPatch, cut_off: bool
) -> None:
    """GIVEN messages of several persons WHEN those of one are dropped without a copy THEN they are nowhere, the others
    stay, and the journal has which they were and nothing that they said; also when it was cut off and carried on."""

    def interrupt(**_: Any) -> None:
        raise KeyboardInterrupt

    where = ["--where", "data.number == `1`", "--no-copy", "--why", "erasure 7"]
    monkeypatch.setattr(sys, "argv", ["fanout", "dlq", "drop", "billing", *where])
    if cut_off:
        monkeypatch.setattr(journal, "HELD_S", -5)
        with monkeypatch.context() as cut:
            cut.setattr(world.deployment.sqs, "delete_message_batch", interrupt)
            run("dlq", "drop", "billing", *where, "--yes", code=130)
        world.deployment.sqs.clock.advance(3_600)
        [begun] = [json.loads(line) for line in run("operations", "ls", "--json").splitlines()]
        run("operations", "resume", begun["operation"])
    else:
        assert "1 messages of shop-prod-billing-dlq, without a copy" in run("dlq", "drop", "billing", *where, "--yes")

    assert world.standing == (2, 0, 0)
    [listed] = [json.loads(line) for line in run("operations", "ls", "--json").splitlines()]
    assert listed["total"] == 1
    kept = [item for table in world.deployment.dynamodb.tables.values() for item in table.items.values()]
    assert kept
    assert PAYLOAD not in str(kept)
    assert "data.number" not in str(kept)


def test_a_pause_and_its_end_in_json(world: World) -> None:
    paused = json.loads(run("pause", "billing", "--for", "1h", "--why", "a test", "--yes", "--json"))
    assert not world.clients["lambda"].enabled
    dry = json.loads(run("resume", "billing", "--dry-run", "--json"))
    assert not world.clients["lambda"].enabled
    resumed = json.loads(run("resume", "billing", "--json"))

    assert dry == {"worker": "billing", "resumed": False, "pauses": [paused["operation"]]}
    assert resumed == {"worker": "billing", "resumed": True, "pauses": [paused["operation"]]}
    assert world.clients["lambda"].enabled
