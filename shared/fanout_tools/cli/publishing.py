"""The operator's publisher."""

from functools import cache
from pathlib import Path

from fanout import aws
from fanout.events.event import contracts
from fanout.payloads import ClaimCheck
from fanout.publish import Publisher, Routes
from fanout_tools.declarations import routing
from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import load_all

__all__ = ["publisher"]


def publisher(names: Names, services: Path) -> Publisher:
    """To a deployment's bus. It moves large data to S3, as far as the workers' declarations are there to tell who
    filters by what."""
    events = [contract.contract.identifier for contract in contracts()]
    routes = routing.routes(events, load_all(services)) if services.is_dir() else Routes()
    claim_check = ClaimCheck(lambda: aws.client("s3"), lambda: names.claims_bucket(_account()))
    return Publisher.connect(names.bus, routes=routes, claim_check=claim_check)


@cache
def _account() -> str:
    return aws.client("sts").get_caller_identity()["Account"]
