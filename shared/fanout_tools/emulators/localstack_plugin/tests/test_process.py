import json
import threading
import time
from pathlib import Path

import psutil
import pytest

from fanout_localstack.process import MAX_RESPONSE_BYTES, InitError
from fanout_localstack.runtime_api import Invocation

ECHO = "def handler(event, context):\n    return {'got': event}\n"


def invocation(payload: object = None, request_id: str = "request-1") -> Invocation:
    return Invocation(
        request_id=request_id,
        payload=json.dumps(payload).encode(),
        function_arn="arn:aws:lambda:us-east-1:000000000000:function:app",
        trace_id="Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
        deadline_ms=int((time.time() + 3) * 1000),
    )


def error_of(payload: bytes) -> tuple[str, str]:
    error = json.loads(payload)
    return error["errorType"], error["errorMessage"]


def test_the_handlers_result_is_the_outcome_of_each_invocation(start):
    process = start(ECHO)
    process.wait_until_ready(20)

    outcomes = [process.invoke(invocation(number, f"request-{number}"), 20) for number in range(3)]

    assert [json.loads(outcome.payload) for outcome in outcomes] == [{"got": number} for number in range(3)]
    assert not any(outcome.is_error for outcome in outcomes)


def test_the_context_tells_request_arn_and_time_left(start):
    process = start(
        "def handler(event, context):\n"
        "    left = context.get_remaining_time_in_millis()\n"
        "    return [context.aws_request_id, context.invoked_function_arn, left]\n"
    )
    process.wait_until_ready(20)

    request_id, arn, left = json.loads(process.invoke(invocation(), 20).payload)

    assert (request_id, arn) == ("request-1", "arn:aws:lambda:us-east-1:000000000000:function:app")
    assert 0 < left <= 3000


def test_a_wrapper_script_in_the_code_starts_the_runtime(start, code):
    (code("") / "wrapper").write_text('#!/bin/sh\nWRAPPED=yes exec "$@"\n')
    process = start(
        "import os\ndef handler(event, context):\n    return os.environ['WRAPPED']\n",
        AWS_LAMBDA_EXEC_WRAPPER="/var/task/wrapper",
    )
    process.wait_until_ready(20)

    assert json.loads(process.invoke(invocation(), 20).payload) == "yes"


def test_a_raised_error_is_an_error_with_its_type_and_leaves_the_process_usable(start):
    process = start("def handler(event, context):\n    raise KeyError('stock')\n")
    process.wait_until_ready(20)

    outcome = process.invoke(invocation(), 20)

    assert outcome.is_error
    assert error_of(outcome.payload) == ("KeyError", "'stock'")
    assert process.is_alive


def test_a_module_that_cannot_be_imported_is_an_init_error(start):
    process = start("import no_such_module\n")

    with pytest.raises(InitError) as raised:
        process.wait_until_ready(20)

    kind, text = error_of(raised.value.payload)
    assert kind == "Runtime.ImportModuleError"
    assert "no_such_module" in text
    assert not process.is_alive


def test_an_exit_while_the_module_is_imported_is_an_init_error(start):
    process = start("import os\nos._exit(7)\n")

    with pytest.raises(InitError) as raised:
        process.wait_until_ready(20)

    assert error_of(raised.value.payload) == (
        "Runtime.ExitError",
        "Runtime exited with error: exit status 7",
    )


def test_a_module_that_never_ends_its_import_is_killed(start):
    process = start("import time\ntime.sleep(600)\n")

    with pytest.raises(InitError, match=r"not initialised within 0\.20 seconds"):
        process.wait_until_ready(0.2)

    assert not process.is_alive


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("os._exit(3)", "Runtime exited with error: exit status 3"),
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
    ],
)
def test_an_exit_during_an_invocation_is_an_exit_error(start, statement: str, text: str):
    process = start(f"import os\ndef handler(event, context):\n    {statement}\n")
    process.wait_until_ready(20)

    outcome = process.invoke(invocation(), 20)

    assert outcome.is_error
    assert error_of(outcome.payload) == ("Runtime.ExitError", f"RequestId: request-1 Error: {text}")
    assert text in outcome.stop_reason
    assert not process.is_alive


def test_a_timeout_kills_the_process_and_all_it_has_started(start, tmp_path: Path):
    child = tmp_path / "child"
    process = start(
        "import pathlib, subprocess, time\n"
        "def handler(event, context):\n"
        "    started = subprocess.Popen(['sleep', '600'])\n"
        f"    pathlib.Path({str(child)!r}).write_text(str(started.pid))\n"
        "    time.sleep(600)\n"
    )
    process.wait_until_ready(20)

    outcome = process.invoke(invocation(), 2)

    assert error_of(outcome.payload) == (
        "Sandbox.Timedout",
        "RequestId: request-1 Error: Task timed out after 2.00 seconds",
    )
    assert "request-1 Task timed out" in outcome.stop_reason
    assert not process.is_alive
    grandchild = int(child.read_text())
    assert not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE


def test_a_late_answer_to_an_earlier_request_is_not_taken_for_this_one(start):
    process = start(ECHO)
    process.wait_until_ready(20)
    process.api.invoke(invocation("early", "request-0"))

    assert json.loads(process.invoke(invocation("late"), 20).payload) == {"got": "late"}


def test_a_response_above_lambdas_limit_is_refused(start):
    process = start(f"def handler(event, context):\n    return 'x' * {MAX_RESPONSE_BYTES - 1}\n")
    process.wait_until_ready(20)

    outcome = process.invoke(invocation(), 20)

    assert outcome.is_error
    assert error_of(outcome.payload)[0] == "Function.ResponseSizeTooLarge"


def test_output_is_taken_once_and_in_order(start):
    process = start("print('init')\ndef handler(event, context):\n    print('call', event)\n")
    process.wait_until_ready(20)
    process.invoke(invocation(1), 20)

    assert process.take_log() == "init\ncall 1\n"
    process.invoke(invocation(2), 20)
    assert process.take_log() == "call 2\n"


def test_being_killed_from_elsewhere_ends_the_invocation(start):
    process = start("import time\ndef handler(event, context):\n    time.sleep(600)\n")
    process.wait_until_ready(20)
    outcomes = []
    caller = threading.Thread(target=lambda: outcomes.append(process.invoke(invocation(), 60)))
    caller.start()

    process.kill()
    caller.join(20)

    assert error_of(outcomes[0].payload)[0] == "Runtime.ExitError"


def test_killing_twice_is_harmless(start):
    process = start(ECHO)
    process.wait_until_ready(20)

    process.kill()
    process.kill()

    assert not process.is_alive


def test_an_interpreter_that_does_not_exist_is_an_error_at_once(code, tmp_path: Path):
    from fanout_localstack.process import FunctionProcess

    with pytest.raises(FileNotFoundError, match="no-python"):
        FunctionProcess(
            python=tmp_path / "no-python",
            handler="app.handler",
            code=code(ECHO),
            environment={},
            log=tmp_path / "log",
        )
