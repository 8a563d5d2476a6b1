"""What `fanout new` writes passes every check as it is, and its own tests."""

from __future__ import annotations

import yaml

from fanout_tools.project import Project
from fanout_tools.scaffold.vendor import MODULES
from tests.unit.fanout_tools.scaffold.conftest import Fanout, run


def _sound(made: Project) -> None:
    """Declarations, style and the workers' own tests."""
    for command in (
        ("fanout_tools.cli", "check"),
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("pytest", "-q", "-p", "no:cacheprovider"),
    ):
        done = run(made.root, *command)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_new_project_has_few_files_and_is_sound(made: Project) -> None:
    files = [file for file in made.root.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    own = [file for file in files if not file.is_relative_to(made.vendored_modules)]

    assert len(own) < 15, own
    assert made.namespace == "shopping"
    assert (made.vendored_modules / "platform" / "main.tf").read_bytes() == (MODULES / "platform/main.tf").read_bytes()
    _sound(made)


def test_events_and_workers_are_added_and_stay_sound(made: Project, fanout: Fanout) -> None:
    """GIVEN a project WHEN an event, and a worker of each kind is added THEN all is sound."""
    for arguments in (
        ("event", "shopping.orders/OrderShipped", "--field", "order_id:str", "--field", "weight_kg:decimal"),
        ("event", "shopping.returns/ItemReturned"),
        ("worker", "tracking", "--on", "shopping.orders/OrderShipped", "--on", "shopping.returns/ItemReturned"),
        ("worker", "uploads", "--s3", "uploads"),
        ("worker", "nightly", "--schedule", "cron(0 3 * * ? *)"),
        ("worker", "imports", "--from-queue", "arn:aws:sqs:eu-west-1:111122223333:legacy", "--field", "sku:str"),
        ("worker", "returned", "--from-queue", "returns.fifo", "--on", "shopping.returns/ItemReturned"),
        ("web", "page"),
        ("web", "hooks", "--via", "url", "--auth", "none", "--streaming"),
        ("web", "api", "--via", "http_api"),
    ):
        done = fanout("new", *arguments)
        assert done.returncode == 0, done.stderr

    _sound(made)
    hooks = yaml.safe_load((made.services / "hooks" / "web.yaml").read_text())
    assert hooks == {"description": "Hooks", "via": "url", "url": {"auth": "none", "streaming": True}}
    schedules = yaml.safe_load((made.terraform / "schedules.yaml").read_text())
    assert schedules == {
        "nightly": {
            "expression": "cron(0 3 * * ? *)",
            "event": "shopping.clock/NightlyDue",
            "data": {"reason": "schedule"},
        }
    }
    assert yaml.safe_load((made.terraform / "queues.yaml").read_text()) == {
        "imports": {
            "queue": "arn:aws:sqs:eu-west-1:111122223333:legacy",
            "event": "shopping.queues/ImportsReceived",
        },
        "returned": {"queue": "returns.fifo", "event": "shopping.returns/ItemReturned"},
    }


def test_mistakes_are_one_line_with_the_fix_and_write_nothing(made: Project, fanout: Fanout) -> None:
    before = {file for file in made.root.rglob("*") if "__pycache__" not in file.parts}
    for arguments, told in (
        (("web", "site", "--via", "url", "--auth", "jwt"), "--auth jwt: via url it is iam or none"),
        (("web", "site", "--streaming"), "--streaming is for --via url: the router streams whatever it is told"),
        (("event", "OrderShipped"), "OrderShipped: write <source>/<Name>, such as shopping.orders/OrderShipped"),
        (("event", "shopping.orders/OrderPlaced"), "declares OrderPlaced already"),
        (("event", "shopping.orders/X", "--field", "id:text"), "id:text: write name:type, such as order_id:str"),
        (("worker", "confirmation", "--on", "shopping.orders/OrderPlaced"), "is there already"),
        (("worker", "other", "--on", "shopping.orders/OrderPlacd"), "did you mean shopping.orders/OrderPlaced? "),
        (("worker", "other"), "other: name what it handles: --on EVENT, --s3 BUCKET, --schedule 'rate(1 day)' or "),
        (("event", "aws.s3/ObjectCreated"), "aws.s3/ObjectCreated: AWS's own events are not ours"),
        (
            ("worker", "other", "--schedule", "rate(1 day)", "--s3", "files", "--on", "shopping.orders/None"),
            "shopping.orders/None: no contract declares it",
        ),
        (("worker", "Other", "--on", "shopping.orders/OrderPlaced"), "Other: a worker's name has lower-case letters"),
        (("worker", "other", "--schedule", "daily"), "daily: write EventBridge Scheduler's rate(1 day)"),
        (("worker", "other", "--from-queue", "https://sqs/1/q"), "https://sqs/1/q: write the queue's name"),
        (
            ("worker", "other", "--from-queue", "q", *("--on", "shopping.orders/OrderPlaced") * 2),
            "q: its messages are one event: give --on once",
        ),
        (("worker", "other", "--schedule", "rate(1 day)", "--field", "id:str"), "--field: describes the event that"),
        (("project", "Bad_Name"), "Bad_Name: cannot be a project's name"),
    ):
        done = fanout("new", *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert told in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert {file for file in made.root.rglob("*") if "__pycache__" not in file.parts} == before


def test_a_queue_of_a_worker_that_is_gone_is_not_written_over(made: Project, fanout: Fanout) -> None:
    file = made.terraform / "queues.yaml"
    before = file.read_text() if file.exists() else ""
    file.write_text(f"{before}gone-by: {{ queue: old, event: shopping.orders/OrderPlaced }}\n")
    try:
        done = fanout("new", "worker", "gone_by", "--from-queue", "new")
    finally:
        file.write_text(before)

    assert done.returncode == 1
    assert "queues.yaml: has a queue gone-by already; remove it, or choose another name" in done.stderr


def test_a_schedule_that_an_environment_would_not_have_is_refused(made: Project, fanout: Fanout) -> None:
    root = made.environments / "prod" / "main.tf"
    before = root.read_text()
    root.write_text(before.replace("module.declarations.schedules", "{}"))
    try:
        done = fanout("new", "worker", "hourly", "--schedule", "rate(1 hour)")
    finally:
        root.write_text(before)

    assert done.returncode == 1
    assert "prod/main.tf: reads no schedules.yaml, and would not have the schedule; add `schedules = " in done.stderr
    assert not (made.services / "hourly").exists()
