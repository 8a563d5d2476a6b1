"""What moto drops of an ECS service, so that Terraform's next plan finds what it has set."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from localstack.aws.api import RequestContext
from localstack.services.moto import _proxy_moto

__all__ = ["service_operations"]

#: What Terraform sets when the configuration says nothing.
_DEFAULT: Final = "DISABLED"


def service_operations() -> Mapping[str, Callable[[RequestContext, Any], Any]]:
    """The operations on services, with ``availabilityZoneRebalancing`` kept."""
    kept: dict[str, str] = {}

    def put(context: RequestContext, request: Any) -> Any:
        response = _proxy_moto(context, request)
        service = response["service"]
        if rebalancing := request.get("availabilityZoneRebalancing"):
            kept[service["serviceArn"]] = rebalancing
        return {**response, "service": complete(service)}

    def describe(context: RequestContext, request: Any) -> Any:
        response = _proxy_moto(context, request)
        return {**response, "services": [complete(service) for service in response["services"]]}

    def complete(service: dict[str, Any]) -> dict[str, Any]:
        return {**service, "availabilityZoneRebalancing": kept.get(service["serviceArn"], _DEFAULT)}

    return {"CreateService": put, "UpdateService": put, "DescribeServices": describe}
