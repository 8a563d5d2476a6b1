"""The types of resources that a plan has: which are priced here, which cost nothing, and which are left to name."""

from collections.abc import Mapping
from typing import Final

__all__ = ["FREE", "PRICED", "unpriced"]

PRICED: Final = frozenset(
    {
        "aws_apigatewayv2_api",
        "aws_cloudwatch_dashboard",
        "aws_cloudwatch_event_archive",
        "aws_cloudwatch_event_bus",
        "aws_cloudwatch_log_group",
        "aws_cloudwatch_metric_alarm",
        "aws_dynamodb_table",
        "aws_ecs_service",
        "aws_eip",
        "aws_kms_key",
        "aws_lambda_function",
        "aws_lambda_provisioned_concurrency_config",
        "aws_lb",
        "aws_nat_gateway",
        "aws_pipes_pipe",
        "aws_sns_topic",
        "aws_sqs_queue",
        "aws_vpc_endpoint",
    }
)
"""A formula of docs/reference/cost.md has them. Of functions :mod:`fanout_tools.cost.inventory` tells the rest."""

FREE: Final[Mapping[str, str]] = {
    "aws_apigatewayv2_authorizer": "part of its API, which is charged by the request",
    "aws_apigatewayv2_integration": "part of its API",
    "aws_apigatewayv2_route": "part of its API",
    "aws_apigatewayv2_stage": "part of its API",
    "aws_appautoscaling_policy": "scaling is free",
    "aws_appautoscaling_scheduled_action": "scaling is free",
    "aws_appautoscaling_target": "scaling is free",
    "aws_cloudformation_stack": "resources of AWS's own types are charged as themselves alone",
    "aws_cloudwatch_event_bus_policy": "a permission",
    "aws_cloudwatch_event_rule": "the bus charges what it takes, not what its rules compare",
    "aws_cloudwatch_event_target": "delivery within the account is free; to buses elsewhere it is priced by the event",
    "aws_cloudwatch_log_resource_policy": "a permission",
    "aws_cloudwatch_log_subscription_filter": "the function that gets the lines is charged",
    "aws_cloudwatch_query_definition": "a text; each run of it is charged by what it scans",
    "aws_ecr_lifecycle_policy": "a setting",
    "aws_ecs_cluster": "a name: its tasks are charged; Container Insights is off",
    "aws_ecs_cluster_capacity_providers": "a setting",
    "aws_ecs_task_definition": "a text: the service's tasks are charged by it",
    "aws_iam_policy": "IAM is free",
    "aws_iam_role": "IAM is free",
    "aws_iam_role_policy": "IAM is free",
    "aws_iam_role_policy_attachment": "IAM is free",
    "aws_kms_alias": "a name of its key",
    "aws_lambda_alias": "a name of a version",
    "aws_lambda_event_source_mapping": "a queue's requests are its own; Lambda's reads of a stream are free",
    "aws_lambda_function_event_invoke_config": "a setting",
    "aws_lambda_function_url": "has no price of its own",
    "aws_lambda_layer_version": "only the storage of code beyond a quota is limited, not charged",
    "aws_lambda_permission": "a permission",
    "aws_lb_listener": "part of its load balancer",
    "aws_lb_listener_rule": "its evaluations are within the load balancer's work",
    "aws_lb_target_group": "part of its load balancer",
    "aws_s3_bucket_lifecycle_configuration": "a setting",
    "aws_s3_bucket_notification": "a setting; the events are priced on the bus",
    "aws_s3_bucket_policy": "a permission",
    "aws_s3_bucket_public_access_block": "a setting",
    "aws_s3_bucket_server_side_encryption_configuration": "a setting",
    "aws_s3_bucket_versioning": "a setting",
    "aws_s3_object": "packages of code: cents, with their bucket",
    "aws_scheduler_schedule_group": "a name",
    "aws_security_group": "a setting",
    "aws_sns_topic_subscription": "deliveries are priced with the topic",
    "aws_vpc_security_group_egress_rule": "a setting",
    "aws_vpc_security_group_ingress_rule": "a setting",
}
"""Why each costs nothing by itself."""


def unpriced(counted: Mapping[str, int]) -> dict[str, int]:
    """The types of AWS's resources that are neither priced nor known to be free, with how many there are."""
    return {
        kind: count
        for kind, count in sorted(counted.items())
        if kind.startswith("aws_") and kind not in PRICED and kind not in FREE
    }
