"""Tag operations that moto lacks, so that what was tagged by Terraform is found tagged by its next plan."""

from collections.abc import Callable, Mapping
from typing import Any

from localstack.aws.api import RequestContext
from localstack.services.moto import _proxy_moto

__all__ = ["Operation", "kept_tags", "pipe_tags"]

Operation = Callable[[RequestContext, Any], Any]


def kept_tags(*, create: str, created_arn: str, arn: str, tags: str) -> Mapping[str, Operation]:
    """The tag operations of a service of which moto keeps no tags at all, and its creating operation.

    :param create: the operation that may be given tags with a new resource.
    :param created_arn: the member of its response that holds the ARN.
    :param arn: the member of the tag operations that holds the ARN.
    :param tags: the member that holds the tags: of a request to ``create`` or TagResource, of a response to
        ListTagsForResource.
    """
    kept: dict[str, dict[str, str]] = {}

    def create_resource(context: RequestContext, request: Any) -> Any:
        response = _proxy_moto(context, request)
        kept.setdefault(response[created_arn], {}).update(request.get(tags) or {})
        return response

    def tag_resource(_: RequestContext, request: Any) -> Any:
        kept.setdefault(request[arn], {}).update(request[tags])
        return {}

    def untag_resource(_: RequestContext, request: Any) -> Any:
        for key in request["TagKeys"]:
            kept.get(request[arn], {}).pop(key, None)
        return {}

    def list_tags(_: RequestContext, request: Any) -> Any:
        return {tags: kept.get(request[arn], {})}

    return {
        create: create_resource,
        "TagResource": tag_resource,
        "UntagResource": untag_resource,
        "ListTagsForResource": list_tags,
    }


def pipe_tags(context: RequestContext, request: Any) -> Any:
    """ListTagsForResource of EventBridge Pipes: moto has the tags, and only lacks this way to ask."""
    from moto.pipes.models import pipes_backends

    name = request["resourceArn"].rpartition("/")[2]
    return {"tags": pipes_backends[context.account_id][context.region].describe_pipe(name).tags}
