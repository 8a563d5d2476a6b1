# The alias's provisioned concurrency: as declared, or what Application Auto Scaling makes of it by use and by the clock.
#
# What scaling has set is not drift, and a deployment must not undo it: the declared values are kept beside, and only when
# they change is the resource made anew.

locals {
  provisioned = var.manifest.function.provisioned_concurrency
  scaling     = var.manifest.scaling
  scaled      = var.autoscaling && local.provisioned > 0 && (local.scaling.max != null || length(var.manifest.scaling_schedule) > 0)
}

resource "terraform_data" "provisioned" {
  count = local.provisioned > 0 ? 1 : 0

  input = local.scaled ? "scaled" : tostring(local.provisioned)
}

resource "aws_lambda_provisioned_concurrency_config" "live" {
  count = local.provisioned > 0 ? 1 : 0

  function_name                     = aws_lambda_function.this.function_name
  qualifier                         = aws_lambda_alias.live.name
  provisioned_concurrent_executions = local.provisioned

  lifecycle {
    ignore_changes       = [provisioned_concurrent_executions]
    replace_triggered_by = [terraform_data.provisioned[0]]
  }
}

resource "terraform_data" "bounds" {
  count = local.scaled ? 1 : 0

  input = "${local.provisioned} ${coalesce(local.scaling.max, local.provisioned)}"
}

resource "aws_appautoscaling_target" "live" {
  count = local.scaled ? 1 : 0

  service_namespace  = "lambda"
  scalable_dimension = "lambda:function:ProvisionedConcurrency"
  resource_id        = "function:${aws_lambda_alias.live.function_name}:${aws_lambda_alias.live.name}"
  min_capacity       = local.provisioned
  max_capacity       = coalesce(local.scaling.max, local.provisioned)
  tags               = local.tags

  lifecycle {
    ignore_changes       = [min_capacity, max_capacity] # which the schedule sets
    replace_triggered_by = [terraform_data.bounds[0]]
  }
  depends_on = [aws_lambda_provisioned_concurrency_config.live]
}

resource "aws_appautoscaling_policy" "utilization" {
  count = local.scaled && local.scaling.max != null ? 1 : 0

  name               = "utilization"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.live[0].service_namespace
  scalable_dimension = aws_appautoscaling_target.live[0].scalable_dimension
  resource_id        = aws_appautoscaling_target.live[0].resource_id

  target_tracking_scaling_policy_configuration {
    target_value = local.scaling.utilization_percent / 100

    predefined_metric_specification {
      predefined_metric_type = "LambdaProvisionedConcurrencyUtilization"
    }
  }
  lifecycle {
    replace_triggered_by = [aws_appautoscaling_target.live[0]] # with a target go its policies
  }
}

resource "aws_appautoscaling_scheduled_action" "this" {
  for_each = local.scaled ? var.manifest.scaling_schedule : {}

  name               = each.key
  service_namespace  = aws_appautoscaling_target.live[0].service_namespace
  scalable_dimension = aws_appautoscaling_target.live[0].scalable_dimension
  resource_id        = aws_appautoscaling_target.live[0].resource_id
  schedule           = each.value.expression
  timezone           = each.value.timezone

  scalable_target_action {
    min_capacity = each.value.min
    max_capacity = each.value.max
  }
  lifecycle {
    replace_triggered_by = [aws_appautoscaling_target.live[0]]
  }
}
