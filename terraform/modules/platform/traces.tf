# The workers' logs to the forwarder of spans, each with its worker. A log group can have two of these
# (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html).
resource "aws_cloudwatch_log_subscription_filter" "spans" {
  for_each = { for name, worker in local.own : name => worker if var.traces.endpoint != null }

  name            = "${var.namespace}-traces"
  log_group_name  = module.worker[each.key].log_group
  filter_pattern  = "\"spans\""
  destination_arn = try(module.traces[0].forwarder.arn, "${local.function_arn}-traces")

  depends_on = [module.traces]
}
