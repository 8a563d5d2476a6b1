"""The forwarder of spans, deployed beside a worker, and a collector that it sends them to."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from fanout.events.envelope import span_id
from fanout.publish import wrap
from fanout_tools.deploy import terraform
from scripts.paths import REPOSITORY
from tests.integration.conftest import EMULATOR
from tests.integration.platform import NAMESPACE, Platform, client, eventually, order
from tests.integration.test_cli import fanout

STUCK = 4

WORKER = "probe"
ROOT = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
}
variable "traces" { type = any }
module "traces" {
  source      = "%s//traces"
  deployment  = var.traces.deployment
  package     = var.traces.package
  endpoint    = var.traces.endpoint
  log_groups  = var.traces.log_groups
  environment = var.traces.environment
}
resource "aws_cloudwatch_log_subscription_filter" "spans" {
  for_each        = var.traces.log_groups
  name            = "spans"
  log_group_name  = each.value
  filter_pattern  = "\\"spans\\""
  destination_arn = module.traces.forwarder.arn
  depends_on      = [module.traces]
}
"""


class Collector(ThreadingHTTPServer):
    """Takes spans by OTLP/HTTP, JSON in gzip, and keeps them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.requests: list[tuple[str, dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def spans_of(self, event_id: str) -> list[dict[str, Any]]:
        """The spans that name the event, with the service that each is of."""
        return [
            {**span, "service": _attributes(resource["resource"])["service.name"]}
            for _, body in self.requests
            for resource in body["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
            if event_id in json.dumps(span)
        ]


class _Request(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        self.server.requests.append((self.path, json.loads(gzip.decompress(content))))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing."""


def _attributes(told: dict[str, Any]) -> dict[str, str]:
    return {each["key"]: each["value"].get("stringValue") for each in told["attributes"]}


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@contextmanager
def forwarding(platform: Platform, to: Collector, folder: Path) -> Iterator[None]:
    """The module ``traces`` for one worker's log, with the package that was built beside the workers'."""
    function = client("lambda").get_function_configuration(FunctionName=platform.names.function(WORKER))
    bucket, package = "span-forwarder-package", Path(platform.terraformed.env["TF_VAR_packages_dir"])
    client("s3").create_bucket(Bucket=bucket)
    client("s3").upload_file(str(package / "span-forwarder.zip"), bucket, "span-forwarder.zip")
    told = {
        "deployment": {
            "namespace": NAMESPACE,
            "partition": "aws",
            "region": "us-east-1",
            "account_id": platform.deployment.account,
        },
        "package": {
            "bucket": bucket,
            "key": "span-forwarder.zip",
            "hash": "as-built",
            "handler": "fanout.tracing.forwarder.handler",
            "runtime": function["Runtime"],
            "architecture": function["Architectures"][0],
            "layers": [layer["Arn"] for layer in function["Layers"]],
        },
        "endpoint": to.url,
        "log_groups": {WORKER: platform.names.log_group(WORKER)},
        "environment": json.loads(platform.terraformed.env["TF_VAR_function_environment"]),
    }
    root, data_dir = folder / "root", folder / "data"
    root.mkdir()
    (root / "main.tf").write_text(ROOT % (REPOSITORY / "terraform" / "modules"))
    (root / "terraform.tfvars.json").write_text(json.dumps({"traces": told}))
    terraform.init(root, data_dir=data_dir)
    terraform.run(root, "apply", "-auto-approve", data_dir=data_dir, capture=True)
    try:
        yield
    finally:
        terraform.run(root, "destroy", "-auto-approve", data_dir=data_dir, capture=True)
        client("s3").delete_object(Bucket=bucket, Key="span-forwarder.zip")
        client("s3").delete_bucket(Bucket=bucket)


@pytest.mark.skipif(EMULATOR != "ministack", reason="one leg is enough; a container does not reach loopback")
def test_what_a_worker_logs_comes_to_the_collector_as_spans(
    platform: Platform, collector: Collector, tmp_path: Path
) -> None:
    """GIVEN the forwarder at a worker's log WHEN an event is handled THEN the collector has the worker's span beneath
    the event's, with ids that follow from event and worker; `fanout trace --otlp` sends the same span."""
    placed = wrap(order(WORKER))
    event_id, traceparent = placed.metadata.event_id, str(placed.metadata.traceparent)
    with forwarding(platform, collector, tmp_path):
        platform.publisher.publish(placed)
        [span, *_] = eventually(lambda: collector.spans_of(event_id), bool, "the collector has the span")

    assert {path for path, _ in collector.requests} == {"/v1/traces"}
    assert (span["service"], span["name"]) == (WORKER, "process shop.orders/OrderPlaced")
    assert [span["traceId"], span["parentSpanId"]] == traceparent.split("-")[1:3]
    assert span["spanId"] == span_id(f"{WORKER}/{event_id}/1")

    collector.requests.clear()
    done = fanout(platform, "trace", event_id, "--otlp", collector.url)
    # Another of the order's workers may have refused it: the shelves may be empty.
    assert done.returncode in (0, STUCK), done.stdout + done.stderr
    assert span["spanId"] in {each["spanId"] for each in collector.spans_of(event_id)}
