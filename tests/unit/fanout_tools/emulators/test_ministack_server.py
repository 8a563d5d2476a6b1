"""MiniStack is started through the bounded application: streamed answers are whole, and messages tell who sent them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SERVER = (
    Path(__file__).parents[4] / "shared" / "fanout_tools" / "emulators" / "ministack_server" / "fanout_ministack.py"
)

FAKES = """
import sys, types, threading, time
class Worker:
    most = now = 0
    lock = threading.Lock()
    def _spawn(self):
        with Worker.lock:
            Worker.now += 1
            Worker.most = max(Worker.most, Worker.now)
        gate.wait()
        with Worker.lock:
            Worker.now -= 1
gate = threading.Event()
for name, parts in {"ministack": {}, "ministack.app": {"app": "app"}, "ministack.core": {}}.items():
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(parts)
runtime = types.ModuleType("ministack.core.lambda_runtime")
runtime.Worker = Worker
services, functions = types.ModuleType("ministack.services"), types.ModuleType("ministack.services.lambda_svc")
functions.lambda_execute_result_to_api_proxy_response = lambda result: (result["body"], None)
functions._function_url_proxy_response = lambda response, cors: (response["statusCode"], cors, response["body"])
functions._run_sqs_batch = lambda mapping, function, event, messages, *queue: (event, queue)
services.lambda_svc = functions
services.sqs = queues = types.ModuleType("ministack.services.sqs")
queues._build_send_sys_attrs = lambda now, given: {"SenderId": "000000000000", "SentTimestamp": str(now)}
evaluator = types.ModuleType("ministack.core.iam_evaluator")
evaluator.caller_arn = lambda: caller
sys.modules["ministack.core"].iam_evaluator = evaluator
sys.modules |= {"ministack.services": services, "ministack.services.lambda_svc": functions}
sys.modules["ministack.core"].lambda_runtime = sys.modules["ministack.core.lambda_runtime"] = runtime
import fanout_ministack
threads = [threading.Thread(target=Worker()._spawn) for _ in range(8)]
[thread.start() for thread in threads]
while Worker.now < 2:
    time.sleep(0.001)
gate.set()
[thread.join(30) for thread in threads]
answer = functions._function_url_stream_response({"body": {"statusCode": 201, "body": "hi"}}, {"a": "b"})
assert answer == (201, {"a": "b"}, "hi"), answer
batch = {"Records": [{"messageId": name, "attributes": {"SenderId": "0"}} for name in "ab"]}
ran = functions._run_sqs_batch({}, {}, batch, [{"id": "a", "sys": {"SenderId": "AROA:f"}}, {"id": "b"}], "url", "name")
assert [it["attributes"]["SenderId"] for it in ran[0]["Records"]] == ["AROA:f", "0"] and ran[1] == ("url", "name")
caller = "arn:aws:iam::000000000000:root"
assert queues._build_send_sys_attrs(1, None)["SenderId"] == "000000000000"
caller = "arn:aws:sts::000000000000:assumed-role/role/f-report"
assert queues._build_send_sys_attrs(1, None) == {"SenderId": "AROArole:f-report", "SentTimestamp": "1"}
print(fanout_ministack.app, Worker.most, Worker.now, sys.getswitchinterval() < 0.001)
"""


def test_two_functions_start_at_once_and_threads_give_way() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAKES],
        env={**os.environ, "PYTHONPATH": str(SERVER.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )

    assert (done.stdout, done.stderr) == ("app 2 0 True\n", "")
