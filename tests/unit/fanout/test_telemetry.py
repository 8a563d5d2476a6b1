"""Logs and metrics: one JSON object a line, whatever is logged, with what CloudWatch demands."""

import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from fanout import telemetry
from fanout.telemetry import JsonFormatter, emit_metrics, log_fields

log = logging.getLogger("probe")


@pytest.fixture(autouse=True)
def _restored_root() -> Iterator[None]:
    """Configuring replaces the root logger's handlers, pytest's own among them."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


class Lines:
    """What has been written to standard output since, a JSON object a line."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def all(self) -> list[dict[str, Any]]:
        out, err = self._capsys.readouterr()
        assert err == ""
        return [json.loads(line) for line in out.splitlines()]

    def one(self) -> dict[str, Any]:
        [line] = self.all()
        return line


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    telemetry.configure()
    return Lines(capsys)


def test_a_line_has_powertools_keys(lines: Lines) -> None:
    """GIVEN a logger WHEN it logs THEN the line has level, logger, message and timestamp, and nothing else."""
    before = datetime.now(UTC)
    log.warning("stock of %s is %d", "cd-1", 3)
    line = lines.one()

    assert line.pop("logger") == "probe"
    assert before.replace(microsecond=0) <= datetime.fromisoformat(line.pop("timestamp"))
    assert line == {"level": "WARNING", "message": "stock of cd-1 is 3"}


def test_extra_fields_are_fields_of_the_line(lines: Lines) -> None:
    """GIVEN extra fields, some of them no JSON values WHEN logged THEN they are on the line, as text at worst."""
    log.info("m", extra={"order": {"n": 1}, "day": date(2026, 1, 2), "path": Path("a/b")})
    line = lines.one()

    assert (line["order"], line["day"], line["path"]) == ({"n": 1}, "2026-01-02", "a/b")


@pytest.mark.parametrize(
    ("value", "written"),
    [(2**70, 2**70), ({1: "one"}, {"1": "one"}), ("\ud800", "\ud800"), ({("a", "b"): 1}, "{('a', 'b'): 1}")],
)
def test_no_line_is_lost_for_its_fields(lines: Lines, value: object, written: object) -> None:
    """GIVEN a field that orjson cannot write WHEN logged THEN the line is there all the same."""
    log.info("m", extra={"odd": value})
    line = lines.one()

    assert line["message"] == "m"
    assert line["odd"] == written


def test_an_exception_is_named_and_told(lines: Lines) -> None:
    """GIVEN an exception WHEN logged THEN its name is a field, its traceback another, and the line is one line."""
    try:
        raise ZeroDivisionError("by\nzero")
    except ZeroDivisionError as error:
        log.exception("failed")
        log.error("again", exc_info=error)

    first, second = lines.all()
    assert first["exception_name"] == second["exception_name"] == "ZeroDivisionError"
    assert "Traceback (most recent call last)" in first["exception"]
    assert first["exception"].endswith("ZeroDivisionError: by\nzero")


def test_fields_hold_within_their_block_and_nest(lines: Lines) -> None:
    """GIVEN nested fields WHEN logged inside and after THEN the inner win inside, and all end with their block, even
    by an exception. None is no field."""

    def fail() -> None:
        with log_fields(event_id="2", subject=None):
            log.info("inner")
            raise ZeroDivisionError

    with log_fields(service="a", event_id="1"):
        log.info("outer")
        with pytest.raises(ZeroDivisionError):
            fail()
        log.info("outer again")
    log.info("none")

    fields = [(line.get("service"), line.get("event_id"), "subject" in line) for line in lines.all()]
    assert fields == [("a", "1", False), ("a", "2", False), ("a", "1", False), (None, None, False)]


@pytest.mark.parametrize(
    ("variable", "argument", "written"),
    [(None, None, "IWE"), ("warning", None, "WE"), ("warning", "ERROR", "E"), ("DEBUG", None, "DIWE")],
)
def test_the_level_is_the_environments(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variable: str | None,
    argument: str | None,
    written: str,
) -> None:
    """GIVEN FANOUT_LOG_LEVEL or an argument WHEN configured THEN nothing below that level is written; INFO without."""
    monkeypatch.delenv("FANOUT_LOG_LEVEL", raising=False)
    if variable:
        monkeypatch.setenv("FANOUT_LOG_LEVEL", variable)
    telemetry.configure(argument)
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        log.log(level, "m")

    assert "".join(line["level"][0] for line in Lines(capsys).all()) == written


def test_configured_twice_a_line_is_written_once(lines: Lines) -> None:
    """GIVEN a configured process WHEN configured again THEN a line is one line."""
    telemetry.configure()
    log.info("m")

    assert lines.one()["message"] == "m"


def test_standard_output_may_be_replaced(lines: Lines, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """GIVEN a runtime that replaces standard output WHEN logged THEN the line goes there."""
    with (tmp_path / "out").open("w+") as out:
        monkeypatch.setattr(sys, "stdout", out)
        log.info("m")
        out.seek(0)
        assert json.loads(out.read())["message"] == "m"


def test_deployments_in_one_account_are_told_apart(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a function of a deployment WHEN it counts THEN its metrics have the deployment's namespace as dimension."""
    monkeypatch.setenv("FANOUT_NAMESPACE", "fanout-prod")
    emit_metrics({"worker": "probe"}, {"handled": 3}, {})
    line = lines.one()

    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["namespace", "worker"]]
    assert (line["namespace"], line["worker"]) == ("fanout-prod", "probe")


def test_metrics_are_what_cloudwatch_demands(lines: Lines) -> None:
    """GIVEN counts and durations WHEN emitted THEN the line has every member that the embedded metric format
    requires, and each name that it declares is a member of the right type."""
    emit_metrics({"worker": "probe"}, {"handled": 3, "retried": 0}, {"batch_ms": 1.5}, cold_start=True, absent=None)
    line = lines.one()

    about = line["_aws"]
    assert isinstance(about["Timestamp"], int)
    assert abs(about["Timestamp"] / 1000 - datetime.now(UTC).timestamp()) < 3_600
    [directive] = about["CloudWatchMetrics"]
    assert directive["Namespace"] == "fanout"
    assert directive["Dimensions"] == [["worker"]]
    assert directive["Metrics"] == [
        {"Name": "handled", "Unit": "Count"},
        {"Name": "retried", "Unit": "Count"},
        {"Name": "batch_ms", "Unit": "Milliseconds"},
    ]
    assert (line["worker"], line["handled"], line["retried"], line["batch_ms"]) == ("probe", 3, 0, 1.5)
    assert line["cold_start"] is True
    assert "absent" not in line


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "extra",
    [
        {"payload": "x" * 300_000},
        {"payload": "é" * 300_000},
        {"payload": "\x01" * 300_000},
        {"payload": {"a": [{"b": "x" * 100}] * 10_000}},
        {"payload": {str(n): {str(m): "x" * 50 for m in range(300)} for n in range(300)}},
        {f"field_{n}": "x" * 300 for n in range(2_000)},
        {"payload": {"x" * 300_000: 2**70}},
    ],
)
def test_every_line_is_below_256_kb(capsys: pytest.CaptureFixture[str], extra: dict[str, Any]) -> None:
    """GIVEN values of any size WHEN logged THEN the line is JSON below 256,000 bytes, and still has its message."""
    telemetry.configure()
    log.error("why", extra=extra)
    out = capsys.readouterr().out

    assert len(out.encode()) < 256_000
    assert json.loads(out)["message"] == "why"


def test_a_long_exception_is_cut_with_a_note(lines: Lines) -> None:
    """GIVEN an exception text of 300,000 characters WHEN logged THEN it is cut, and says how long it was."""
    try:
        raise ValueError("x" * 300_000)
    except ValueError:
        log.exception("failed")
    line = lines.one()

    assert line["exception"].endswith(" characters)")
    assert line["exception_name"] == "ValueError"


def test_an_error_without_a_text_still_gives_a_line() -> None:
    """GIVEN an exception whose text fails WHEN it is logged in any place THEN there is a line."""
    error = MuteError()
    record = log.makeRecord("probe", logging.ERROR, "", 0, "failed: %s", (error,), (MuteError, error, None))
    record.error = error
    line = json.loads(telemetry.JsonFormatter().format(record))

    assert line["message"] == "'failed: %s' (its arguments cannot be formatted)"
    assert line["error"] == "<MuteError without a text>"
    assert line["exception_name"] == "MuteError"


def test_lines_name_the_functions_version_and_failures_the_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """GIVEN Lambda's variables WHEN logged THEN every line has the version, and warnings have the trace."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_VERSION", "7")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-2-3;Parent=4;Sampled=1")
    telemetry.configure()
    log.info("done")
    log.warning("failed")
    emit_metrics({"worker": "w"}, {"received": 1}, {})
    done, failed, metrics = Lines(capsys).all()

    assert [line["function_version"] for line in (done, failed, metrics)] == ["7"] * 3
    assert failed["xray_trace_id"] == "1-2-3"
    assert "xray_trace_id" not in done


@pytest.mark.parametrize("groups", [0, 1, 2])
def test_what_pydantic_refuses_is_in_no_traceback_with_its_value(groups: int) -> None:
    """GIVEN a value that pydantic refuses, alone or in groups as a TaskGroup raises them WHEN it is logged THEN its
    field is told and the value is not."""

    class Person(BaseModel):
        age: int
        height: int

    given = {"age": "ann@example.com", "height": "1 street"}
    error: Exception
    try:
        Person.model_validate(given)
    except ValidationError as refused:
        error = refused
    for number in range(groups):
        error = ExceptionGroup(f"group {number}", [error])
    record = logging.LogRecord("x", logging.ERROR, "x", 1, "failed", (), (type(error), error, error.__traceback__))

    line = JsonFormatter().format(record)
    assert "age: Input should be a valid integer" in line
    assert "ann@" not in line
    assert "street" not in line
