output "alarm_topic" {
  description = "ARN of the topic that every alarm speaks to."
  value       = aws_sns_topic.alarms.arn
}

output "dashboards" {
  description = "The names of the dashboards: of the environment, and of each worker."
  value       = concat([aws_cloudwatch_dashboard.environment.dashboard_name], [for it in aws_cloudwatch_dashboard.worker : it.dashboard_name])
}
