"""Events that leave for an API: it is called by HTTPS, by a role, with a connection, and never faster than it says."""

from collections.abc import Iterator

from fanout_tools.plans import Plan, Resource, deliveries
from fanout_tools.proof.findings import Finding

__all__ = ["called"]

API = "aws_cloudwatch_event_api_destination"


def called(plan: Plan) -> Iterator[Finding]:
    """What EventBridge needs in order to call an API
    (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html). Its retries, its dead-letter
    queue and its role's policy are judged as every hop's are."""
    for hop in deliveries(plan):
        if hop.destination is not None and hop.destination.type == API and not hop.role_arn:
            yield _loose(hop.carrier, "its destination is an API, and has no role", "give it one that may invoke it")
    for api in plan.of(API):
        yield from _configured(api)


def _configured(api: Resource) -> Iterator[Finding]:
    url = str(api.get("invocation_endpoint"))
    if not url.startswith("https://"):
        yield _loose(api, f"is called at {url}, which is not HTTPS", "name a URL that begins with https://")
    if ":connection/" not in str(api.get("connection_arn")):
        yield _loose(api, "has no connection, so that no request is authorized", "name one by its ARN")
    if not api.get("invocation_rate_limit_per_second"):
        yield _loose(api, "is called as fast as events come", "set invocation_rate_limit_per_second")


def _loose(at: Resource, problem: str, fix: str) -> Finding:
    return Finding(address=at.address, rule="delivery", problem=problem, fix=fix)
