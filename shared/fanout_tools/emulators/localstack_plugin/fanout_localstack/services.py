"""Control planes that the community edition leaves out, backed by the moto that LocalStack brings along.

They take what Terraform creates, and give it back when asked; nothing of it runs, but for pipes from a queue to a bus.
"""

from collections.abc import Mapping

from localstack.aws.skeleton import Skeleton
from localstack.aws.spec import load_service
from localstack.services.moto import _proxy_moto
from localstack.services.plugins import Service, aws_provider

from fanout_localstack.ecs_services import service_operations
from fanout_localstack.pipes import pipe_operations
from fanout_localstack.tags import Operation, kept_tags

__all__ = ["application_autoscaling", "ecr", "ecs", "elbv2", "pipes", "xray"]


def _moto_service(name: str, own: Mapping[str, Operation] | None = None) -> Service:
    """A service whose operations go to moto, but for ``own``."""
    model = load_service(name)
    operations = dict.fromkeys(model.operation_names, _proxy_moto) | dict(own or {})
    return Service(name, skeleton=Skeleton(model, operations))


@aws_provider(api="application-autoscaling")
def application_autoscaling() -> Service:
    """Application Auto Scaling."""
    tags = kept_tags(create="RegisterScalableTarget", created_arn="ScalableTargetARN", arn="ResourceARN", tags="Tags")
    return _moto_service("application-autoscaling", tags)


@aws_provider(api="ecr")
def ecr() -> Service:
    """Elastic Container Registry."""
    return _moto_service("ecr")


@aws_provider(api="ecs")
def ecs() -> Service:
    """Elastic Container Service."""
    return _moto_service("ecs", service_operations())


@aws_provider(api="elbv2")
def elbv2() -> Service:
    """Elastic Load Balancing."""
    return _moto_service("elbv2")


@aws_provider(api="pipes")
def pipes() -> Service:
    """EventBridge Pipes."""
    return _moto_service("pipes", pipe_operations())


@aws_provider(api="xray")
def xray() -> Service:
    """X-Ray."""
    return _moto_service("xray")
