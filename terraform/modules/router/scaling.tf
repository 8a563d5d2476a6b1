# More routers when one core is not enough; a router asks Lambda for environments by itself.

resource "aws_appautoscaling_target" "this" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.this.name}"
  min_capacity       = var.scaling.minimum
  max_capacity       = var.scaling.maximum
}

resource "aws_appautoscaling_policy" "cpu" {
  name               = "${local.name}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  resource_id        = aws_appautoscaling_target.this.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.scaling.cpu_percent
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

# Each router may have only so many environments and invocations a second: where requests wait for those, another router
# has as many again. A short queue is no reason to take one away.
resource "aws_appautoscaling_policy" "queue_time" {
  for_each = var.functions

  name               = "${local.name}-queue-time-${each.key}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  resource_id        = aws_appautoscaling_target.this.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.scaling.queue_time_ms
    scale_out_cooldown = 60
    disable_scale_in   = true

    customized_metric_specification {
      namespace   = local.metrics
      metric_name = "QueueTime"
      statistic   = "Average"
      unit        = "Milliseconds"

      dimensions {
        name  = "Function"
        value = each.key
      }
    }
  }
}
