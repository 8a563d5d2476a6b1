output "alarm_topic" {
  description = "ARN of the topic that every alarm speaks to."
  value       = coalesce(one(aws_sns_topic.alarms[*].arn), local.topic_arn)
}

output "dashboards" {
  description = "The names of the dashboards: of the environment, of each domain where there are too many workers for one page, and of each worker."
  value       = concat(aws_cloudwatch_dashboard.environment[*].dashboard_name, [for it in merge(aws_cloudwatch_dashboard.domain, aws_cloudwatch_dashboard.worker) : it.dashboard_name])
}

output "worker_alarms" {
  description = "The names of each worker's alarms."
  value = {
    for name, worker in local.own : name => concat(
      [
        aws_cloudwatch_metric_alarm.age[name].alarm_name,
        aws_cloudwatch_metric_alarm.errors[name].alarm_name,
        aws_cloudwatch_metric_alarm.throttles[name].alarm_name,
      ],
      [for queue in worker.dead_letter_queues : aws_cloudwatch_metric_alarm.dead_letters[queue].alarm_name],
    )
  }
}
