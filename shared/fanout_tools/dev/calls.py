"""This process's calls to AWS: answered here, by any boto3 client, before a request is made.

The bus, the queues, the workers' records and their invocation are this process's own. All else is moto's
(https://docs.getmoto.org), where it is installed; without it such a call is an error that says so. No call ever
leaves the machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from io import BytesIO
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote
from uuid import NAMESPACE_URL, uuid5

import boto3
from botocore.exceptions import ClientError
from botocore.handlers import BUILTIN_HANDLERS

from fanout import aws
from fanout_tools.dev.environment import CREDENTIALS, LEFT_OUT, in_force
from fanout_tools.dev.local import REGION, Local
from fanout_tools.dev.stores import LocalGathers, LocalRecords
from fanout_tools.dev.worker import LocalWorker

__all__ = ["Calls", "answered"]

Answer = dict[str, Any] | None
"""What a call returns; None: it is not answered here."""
OWN = ("sqs", "eventbridge", "dynamodb", "lambda")
"""Services that this module answers, by their ids."""
STORING = ("PutObject", "CopyObject", "CompleteMultipartUpload")
"""S3's operations that create an object
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html)."""
STORES = "fanout_dev_stores"
"""Where a call's context says what it writes."""
FIX = "fanout dev has no {service} without moto: pip install 'fanout-bus[local]'"


class Calls:
    """Answers the calls of one project."""

    def __init__(self, local: Local, *, everything: bool) -> None:
        """
        :param everything: nobody else answers what is not the project's own.
        """
        self._local, self._everything = local, everything

    def before(self, *, model: Any, params: Mapping[str, Any], **_: Any) -> tuple[Any, Mapping[str, Any]] | None:
        """botocore's ``before-call``: what it returns is taken for the response."""
        service, operation = model.service_model.service_id.hyphenize(), model.name
        try:
            found = self._answer(service, operation, params)
            if found is None and (self._everything or service in ("sqs", "eventbridge")):
                raise _refused("NotHeld", FIX.format(service=f"{service}:{operation}"))
        except ClientError as error:
            return SimpleNamespace(status_code=400, headers={}), dict(error.response)
        return None if found is None else (SimpleNamespace(status_code=200, headers={}), _whole(found))

    def about_to_store(self, *, params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
        """botocore's ``before-parameter-build`` of what writes an object: which one it is."""
        context[STORES] = (params.get("Bucket", ""), params.get("Key", ""))

    def stored(self, *, model: Any, http_response: Any, context: Mapping[str, Any], **_: Any) -> None:
        """botocore's ``after-call`` of the same: buckets that publish their objects do so."""
        name, key = context.get(STORES, ("", ""))
        if http_response.status_code >= 300 or name not in self._publishing():
            return
        head = aws.client("s3").head_object(Bucket=name, Key=key)
        told = {"key": key, "size": head["ContentLength"], "etag": head["ETag"].strip('"'), "sequencer": "0"}
        detail = {
            "version": "0",
            "bucket": {"name": name},
            "object": told,
            "request-id": "dev",
            "requester": self._local.topology.account,
            "reason": model.name,
        }
        self._local.bus.deliver("aws.s3", "Object Created", detail)

    def _publishing(self) -> set[str]:
        topology = self._local.topology
        return {
            topology.names.bucket(name, topology.account)
            for place in topology.workers.values()
            for name, declared in place.manifest.buckets.items()
            if declared.events
        }

    def _answer(self, service: str, operation: str, params: Mapping[str, Any]) -> Answer:
        if service == "lambda":
            return self._lambda(operation, params)
        if service not in OWN:
            return None
        asked = json.loads(params.get("body") or b"{}")
        if service == "dynamodb":
            return self._dynamodb(operation, asked)
        if service == "eventbridge":
            if operation == "ListRules":
                return {"Rules": []}
            return self._local.bus.put_events(**asked) if operation == "PutEvents" else None
        method: Callable[..., dict[str, Any]] | None = getattr(self._local.sqs, _snake(operation), None)
        return None if method is None else method(**asked)

    # DynamoDB: what the workers' cores remember.

    def _dynamodb(self, operation: str, asked: Mapping[str, Any]) -> Answer:
        if operation == "BatchGetItem" and self._own_tables().keys() & asked["RequestItems"].keys():
            return {"Responses": dict(self._items(asked["RequestItems"])), "UnprocessedKeys": {}}
        store = self._own_tables().get(asked.get("TableName", ""))
        if operation not in ("UpdateItem", "DeleteItem") or not isinstance(store, LocalRecords):
            return None
        key = asked["Key"]["id"]["S"]
        if key.count("#") < 3:
            return None  # a record of the handler's own, by Powertools: see fanout.idempotency.store
        owner = asked.get("ExpressionAttributeValues", {}).get(":owner", {}).get("S", "")
        if not (store.free if operation == "UpdateItem" else store.forget)(key, owner):
            raise _refused("ConditionalCheckFailedException", "The conditional request failed")
        return {}

    def _own_tables(self) -> dict[str, LocalRecords | LocalGathers]:
        found: dict[str, LocalRecords | LocalGathers] = {}
        for name, worker in self._local.workers.items():
            if worker.place.records_table:
                found[worker.place.records_table] = worker.records
            found[self._local.topology.names.gather_table(name)] = worker.gathers
        return found

    def _items(self, asked: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
        own = self._own_tables()
        for table, wanted in asked.items():
            keys = [next(iter(key.get("id", key.get("gather_id", {})).values()), "") for key in wanted["Keys"]]
            store = own.get(table)
            yield table, [item for key in keys if store is not None and (item := store.item(key))]

    # Lambda: the workers themselves.

    def _lambda(self, operation: str, params: Mapping[str, Any]) -> Answer:
        if operation == "ListEventSourceMappings":
            queue = str(params.get("query_string", {}).get("EventSourceArn", "")).rpartition(":")[2]
            found = [self._mapping(name) for name, it in self._local.workers.items() if it.place.queue == queue]
            return {"EventSourceMappings": found}
        if operation == "UpdateEventSourceMapping":
            identity = str(params["url_path"]).rstrip("/").rpartition("/")[2]
            name = next(name for name in self._local.workers if _identity(name) == identity)
            self._local.workers[name].paused = not json.loads(params["body"])["Enabled"]
            return self._mapping(name)
        worker = self._worker(str(params["url_path"]))
        if operation == "GetFunctionConfiguration":
            modified = datetime.fromtimestamp(worker.loaded_at, UTC).isoformat(timespec="milliseconds")
            return {"FunctionName": worker.place.function, "LastModified": modified}
        if operation == "Invoke":
            answer = worker.invoke(json.loads(params.get("body") or b"null"))
            return {"StatusCode": 200, **answer, "Payload": BytesIO(answer["Payload"])}
        return None

    def _mapping(self, worker: str) -> dict[str, Any]:
        return {"UUID": _identity(worker), "State": "Disabled" if self._local.workers[worker].paused else "Enabled"}

    def _worker(self, path: str) -> LocalWorker:
        """Of the function in a call's path: by its name or ARN, with or without an alias.

        :raises ClientError: there is no such function.
        """
        found = re.search(r"/functions/([^/]+)", path)
        named = unquote(found[1]) if found else ""
        name = (named.partition(":function:")[2] or named).partition(":")[0]
        for worker in self._local.workers.values():
            if worker.place.function == name:
                return worker
        raise _refused("ResourceNotFoundException", f"Function not found: {named}")


def _identity(worker: str) -> str:
    """Of the worker's event source mapping."""
    return str(uuid5(NAMESPACE_URL, worker))


def _snake(operation: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()


def _whole(found: Mapping[str, Any]) -> dict[str, Any]:
    return {**found, "ResponseMetadata": {"HTTPStatusCode": 200, "RequestId": "dev", "RetryAttempts": 0}}


def _refused(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "dev")


@contextmanager
def answered(local: Local) -> Iterator[bool]:
    """Answer this process's calls inside; whether moto answers what is not the project's own.

    A client that was made before keeps on calling what it was made for.
    """
    region = {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
    with ExitStack() as stack:
        stack.enter_context(in_force({**CREDENTIALS, **region}, without=LEFT_OUT))
        moto = _start_moto(stack)
        calls = Calls(local, everything=not moto)
        for entry in _entries(calls):
            BUILTIN_HANDLERS.append(entry)
            stack.callback(BUILTIN_HANDLERS.remove, entry)
        _forget_clients()
        stack.callback(_forget_clients)
        yield moto


def _entries(calls: Calls) -> Iterator[tuple[str, Callable[..., Any]]]:
    """As botocore has its own handlers, from which each new session takes them."""
    yield "before-call", calls.before
    for operation in STORING:
        yield f"before-parameter-build.s3.{operation}", calls.about_to_store
        yield f"after-call.s3.{operation}", calls.stored


def _start_moto(stack: ExitStack) -> bool:
    try:
        from moto import mock_aws
    except ModuleNotFoundError:
        return False
    stack.enter_context(mock_aws(config={"core": {"mock_credentials": False}}))
    return True


def _forget_clients() -> None:
    aws.forget_clients()
    boto3.DEFAULT_SESSION = None
