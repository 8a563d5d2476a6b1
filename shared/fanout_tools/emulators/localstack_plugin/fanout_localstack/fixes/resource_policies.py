"""EventBridge and SNS write only where a queue's or a topic's own policy lets them.

Wrong in 4.14.0: no policy is enforced, so that a rule or a topic delivers without any grant; on AWS every event would
end in a dead-letter queue.

Known by: a rule whose target is a queue without a policy, on a bare LocalStack: the queue gets its events.

What has a role of its own (``RoleArn`` of a target) is not asked by resource policies, as on AWS within one account.
Who else calls is not asked either: this is no IAM.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext

__all__ = ["allows", "install"]

SERVICES = ("events", "sns")
"""Who is asked."""

_ROLE_KEYS = ("ASIA", "LSIA")
"""How the access keys of assumed roles begin."""


def install() -> None:
    """Ask before a message is taken."""
    from localstack.services.sns.provider import SnsProvider
    from localstack.services.sqs.provider import SqsProvider
    from localstack.utils.patch import patch

    @patch(SqsProvider.send_message)
    def send_message(
        fn: Callable[..., Any], self: SqsProvider, context: RequestContext, queue_url: str, *args: Any, **kwargs: Any
    ) -> Any:
        if _service(context):
            queue = self._resolve_queue(context, queue_url=queue_url)
            _ask(context, queue.attributes.get("Policy"), "sqs:SendMessage", queue.arn)
        return fn(self, context, queue_url, *args, **kwargs)

    @patch(SnsProvider.publish)
    def publish(
        fn: Callable[..., Any],
        self: SnsProvider,
        context: RequestContext,
        message: str,
        topic_arn: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        if _service(context) and topic_arn:
            policy = self.get_topic_attributes(context, topic_arn)["Attributes"].get("Policy")
            _ask(context, policy, "sns:Publish", topic_arn)
        return fn(self, context, message, topic_arn, *args, **kwargs)


def _service(context: RequestContext) -> str | None:
    """The service that calls in its own name; None for everyone else."""
    from localstack.utils.aws.request_context import extract_access_key_id_from_auth_header

    service = (context.internal_request_params or {}).get("service_principal")
    key = extract_access_key_id_from_auth_header(context.request.headers) or ""
    return service if service in SERVICES and not key.startswith(_ROLE_KEYS) else None


def _ask(context: RequestContext, policy: str | None, action: str, resource: str) -> None:
    principal = f"{_service(context)}.amazonaws.com"
    source_arn = (context.internal_request_params or {}).get("source_arn") or ""
    if not allows(policy, principal, action, resource, source_arn):
        text = f"{principal} is not authorized to perform {action} on {resource} for {source_arn}"
        raise CommonServiceException("AccessDenied", text, status_code=403, sender_fault=True)


def allows(policy: str | None, principal: str, action: str, resource: str, source_arn: str) -> bool:
    """Whether a resource's policy lets a service in: some statement allows it, and none denies it."""
    asked = {
        "aws:sourcearn": source_arn,
        "aws:sourceaccount": (source_arn.split(":") + [""] * 5)[4],
        "aws:securetransport": "true",
        "aws:principalisawsservice": "true",
    }
    allowed = False
    for statement in _list(json.loads(policy or "{}").get("Statement")):
        holds = (
            _named(statement.get("Principal"), principal)
            and _any(action.lower(), (it.lower() for it in _list(statement.get("Action"))))
            and _any(resource, _list(statement.get("Resource")))
            and all(_holds(operator, keys, asked) for operator, keys in statement.get("Condition", {}).items())
        )
        if holds and statement.get("Effect") == "Deny":
            return False
        allowed |= holds
    return allowed


def _named(given: Any, principal: str) -> bool:
    services = given.get("Service") if isinstance(given, Mapping) else given
    return _any(principal, _list(services))


def _holds(operator: str, keys: Mapping[str, Any], asked: Mapping[str, str]) -> bool:
    """Whether a condition holds; one that is not known here never does."""
    plain = operator.rpartition(":")[2].removesuffix("IfExists")
    negated = "Not" in plain
    plain = plain.replace("Not", "")
    if plain not in ("ArnEquals", "ArnLike", "StringEquals", "StringLike", "Bool", "Null"):
        return False
    for key, values in keys.items():
        value = asked.get(key.lower())
        if plain == "Null":
            held = _any(str(value is None).lower(), (str(it).lower() for it in _list(values)))
        elif value is None:
            held = negated or operator.endswith("IfExists")
        elif plain == "Bool":
            held = value in [str(it).lower() for it in _list(values)]
        elif plain == "StringEquals":
            held = (value in _list(values)) is not negated
        else:
            held = _any(value, _list(values)) is not negated
        if not held:
            return False
    return True


def _any(text: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(text, pattern.replace("[", "[[]")) for pattern in patterns)


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
