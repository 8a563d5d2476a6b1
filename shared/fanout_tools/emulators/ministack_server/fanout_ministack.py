"""MiniStack's application, bounded: its server answers while functions start. Run by MiniStack's own environment.

A function that streams is started by a wrapper script, which MiniStack does not run: its answers are whole there, and
are taken as such, where MiniStack would hand their JSON to the client.

MiniStack unpacks a function's layers for each process that it starts, in threads of the process whose event loop
answers every call. Twenty threads that hold Python's lock in turn, 5 ms each, delay each step of an answer by 100 ms:
its health page took 1 to 3 s on two shared cores, and calls were seen to take 10 to 20 s under more load.

A message that a role's session sends has that session as its sender, as in AWS, and not the account.
"""

import sys
import threading
from typing import Any, Final

from ministack.app import app  # type: ignore[import-not-found, unused-ignore]
from ministack.core import iam_evaluator, lambda_runtime  # type: ignore[import-not-found, unused-ignore]
from ministack.services import lambda_svc, sqs  # type: ignore[import-not-found, unused-ignore]

__all__ = ["app"]

SWITCH_S: Final = 0.0005
"""After so long a thread gives way to one that waits, such as the event loop's."""
STARTS_AT_ONCE: Final = 2

_turns: Final = threading.BoundedSemaphore(STARTS_AT_ONCE)
_spawn: Final = lambda_runtime.Worker._spawn
_system_attributes: Final = sqs._build_send_sys_attrs
_run_batch: Final = lambda_svc._run_sqs_batch


def _spawn_in_turn(self: Any, *args: Any, **options: Any) -> Any:
    with _turns:
        return _spawn(self, *args, **options)


def _whole(result: Any, cors_headers: Any) -> Any:
    """The answer of a function URL that streams."""
    response, _ = lambda_svc.lambda_execute_result_to_api_proxy_response(result)
    return lambda_svc._function_url_proxy_response(response, cors_headers)


def _with_sender(now: float, given: Any) -> Any:
    """What SQS knows of a message that a call sends: ``<role id>:<session>``, where the caller is a role's session."""
    attributes = _system_attributes(now, given)
    match iam_evaluator.caller_arn().split("/"):
        case [kind, role, session] if kind.endswith(":assumed-role"):
            attributes["SenderId"] = f"AROA{role}:{session}"
    return attributes


def _run_with_senders(mapping: Any, function: Any, event: Any, messages: Any, *queue: Any) -> Any:
    """A batch of an event source mapping, whose records MiniStack gives the account as sender."""
    senders = {it["id"]: (it.get("sys") or {}).get("SenderId") for it in messages}
    for record in event["Records"]:
        record["attributes"]["SenderId"] = senders[record["messageId"]] or record["attributes"]["SenderId"]
    return _run_batch(mapping, function, event, messages, *queue)


lambda_runtime.Worker._spawn = _spawn_in_turn
lambda_svc._run_sqs_batch = _run_with_senders
sqs._build_send_sys_attrs = _with_sender
lambda_svc._function_url_stream_response = _whole
sys.setswitchinterval(SWITCH_S)
