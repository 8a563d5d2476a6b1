import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException

from fanout_localstack import executor as executor_module
from fanout_localstack.executor import LocalRuntimeExecutor
from fanout_localstack.slots import Slots


class Archive:
    """What LocalStack keeps code and layers in."""

    def __init__(self, location: Path) -> None:
        self.location = location
        self.is_prepared = False

    def get_unzipped_code_location(self) -> Path:
        return self.location

    def prepare_for_execution(self) -> None:
        self.is_prepared = True


def version(code: Path, *layers: Path, **config: object) -> SimpleNamespace:
    settings = {
        "code": Archive(code),
        "layers": [SimpleNamespace(code=Archive(layer)) for layer in layers],
        "runtime": "python3.11",
        "handler": "app.handler",
        "timeout": 20,
        "memory_size": 128,
        "environment": {},
    }
    identity = SimpleNamespace(function_name="app", qualifier="$LATEST")
    return SimpleNamespace(config=SimpleNamespace(**settings | config), id=identity)


def payload(event: object = None) -> dict[str, str]:
    return {
        "invoke-id": "request-1",
        "payload": json.dumps(event),
        "invoked-function-arn": "arn:aws:lambda:us-east-1:000000000000:function:app",
        "trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793",
    }


Make = Callable[..., LocalRuntimeExecutor]


@pytest.fixture
def make(code) -> Iterator[Make]:
    made = []

    def build(source: str, *layers: Path, **config: object) -> LocalRuntimeExecutor:
        executor = LocalRuntimeExecutor(f"environment-{len(made)}", version(code(source), *layers, **config))
        made.append(executor)
        return executor

    yield build
    for executor in made:
        executor.stop()


def test_an_invocation_gives_result_and_log(make: Make):
    executor = make("def handler(event, context):\n    print('hello')\n    return event\n")
    executor.start({"AWS_REGION": "us-east-1"})

    result = executor.invoke(payload({"a": 1}))

    assert json.loads(result.payload) == {"a": 1}
    assert not result.is_error
    lines = result.logs.splitlines()
    assert lines[0] == "START RequestId: request-1 Version: $LATEST"
    assert lines[1] == "hello"
    assert "Init Duration" in lines[-1]


def test_only_the_first_invocation_reports_a_cold_start(make: Make):
    executor = make("def handler(event, context):\n    pass\n")
    executor.start({})
    executor.invoke(payload())

    assert "Init Duration" not in executor.invoke(payload()).logs


def test_layers_are_importable_and_the_last_one_wins(make: Make, tmp_path: Path):
    for name in ("first", "last"):
        package = tmp_path / name / "python"
        package.mkdir(parents=True)
        (package / "shared_thing.py").write_text(f"NAME = {name!r}\n")
    source = "import shared_thing\ndef handler(event, context):\n    return shared_thing.NAME\n"
    executor = make(source, tmp_path / "first", tmp_path / "last")
    executor.start({})

    assert json.loads(executor.invoke(payload()).payload) == "last"


def test_an_init_error_is_what_the_caller_gets(make: Make):
    executor = make("raise RuntimeError('no configuration')\n")

    with pytest.raises(StatusErrorException) as raised:
        executor.start({})

    assert json.loads(raised.value.payload)["errorMessage"] == "no configuration"


@pytest.mark.parametrize(
    ("statement", "kind"), [("os._exit(1)", "Runtime.ExitError"), ("time.sleep(600)", "Sandbox.Timedout")]
)
def test_after_a_crash_or_a_timeout_the_next_invocation_has_a_new_process(make: Make, statement: str, kind: str):
    executor = make(
        "import os, time\n"
        "def handler(event, context):\n"
        f"    if event == 'end':\n        {statement}\n"
        "    return os.getpid()\n",
        timeout=2,
    )
    executor.start({})
    before = json.loads(executor.invoke(payload()).payload)

    ended = executor.invoke(payload("end"))
    after = executor.invoke(payload())

    assert json.loads(ended.payload)["errorType"] == kind
    assert json.loads(after.payload) != before
    assert "Init Duration" in after.logs


def test_an_environment_that_lost_its_process_to_another_gets_a_new_one(make: Make, monkeypatch: pytest.MonkeyPatch):
    slots = Slots(1)
    monkeypatch.setattr(executor_module, "function_slots", lambda: slots)
    source = "import os\ndef handler(event, context):\n    return os.getpid()\n"
    first, second = make(source), make(source)
    first.start({})
    before = json.loads(first.invoke(payload()).payload)
    second.start({})

    assert json.loads(first.invoke(payload()).payload) != before


def test_stopping_ends_an_initialisation_that_is_under_way(make: Make):
    executor = make("import time\ntime.sleep(600)\n")
    raised = []

    def begin() -> None:
        try:
            executor.start({})
        except StatusErrorException as error:
            raised.append(json.loads(error.payload)["errorType"])

    starting = threading.Thread(target=begin)
    starting.start()
    while executor.process is None:
        starting.join(0.01)
    executor.stop()
    starting.join(20)

    assert raised == ["Runtime.ExitError"]


def test_stopping_leaves_nothing_on_disk(make: Make):
    executor = make("def handler(event, context):\n    pass\n")
    executor.start({})
    home = executor.home

    executor.stop()

    assert not home.exists()


def test_code_and_layers_are_unpacked_before_anything_runs(code, tmp_path: Path):
    function = version(code(""), tmp_path)

    LocalRuntimeExecutor.prepare_version(function)

    assert function.config.code.is_prepared
    assert function.config.layers[0].code.is_prepared


@pytest.mark.parametrize(("runtime", "named"), [("nodejs20.x", "nodejs20.x"), (None, "a container image")])
def test_a_function_that_is_not_python_is_refused(code, runtime: str | None, named: str):
    with pytest.raises(ValueError, match=f"{named} cannot run as a local process"):
        LocalRuntimeExecutor.prepare_version(version(code(""), runtime=runtime))


def test_without_an_interpreter_the_log_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("FANOUT_FUNCTION_PYTHON", "/no/python")

    assert not LocalRuntimeExecutor.validate_environment()
    assert "FANOUT_FUNCTION_PYTHON" in caplog.text
