# Where things stood before a deployment could be made of stacks.

moved {
  from = module.bus
  to   = module.bus[0]
}

moved {
  from = module.operators
  to   = module.operators[0]
}

moved {
  from = module.schedule
  to   = module.schedule[0]
}

moved {
  from = module.traces[0].aws_cloudwatch_log_subscription_filter.spans
  to   = aws_cloudwatch_log_subscription_filter.spans
}

moved {
  from = module.bus[0].aws_cloudwatch_event_rule.unmatched
  to   = module.unmatched[0].aws_cloudwatch_event_rule.unmatched
}

moved {
  from = module.bus[0].aws_cloudwatch_event_target.unmatched
  to   = module.unmatched[0].aws_cloudwatch_event_target.unmatched
}

moved {
  from = module.bus[0].aws_cloudwatch_event_target.unmatched_log
  to   = module.unmatched[0].aws_cloudwatch_event_target.unmatched_log
}

moved {
  from = module.bus[0].aws_cloudwatch_log_group.unmatched
  to   = module.unmatched[0].aws_cloudwatch_log_group.unmatched
}

moved {
  from = module.bus[0].aws_cloudwatch_log_resource_policy.events
  to   = module.unmatched[0].aws_cloudwatch_log_resource_policy.events
}

moved {
  from = module.bus[0].aws_cloudwatch_event_rule.forward
  to   = module.unmatched[0].aws_cloudwatch_event_rule.forward
}

moved {
  from = module.bus[0].aws_cloudwatch_event_target.forward
  to   = module.unmatched[0].aws_cloudwatch_event_target.forward
}

moved {
  from = module.bus[0].aws_iam_role.forward
  to   = module.unmatched[0].aws_iam_role.forward
}

moved {
  from = module.bus[0].aws_iam_role_policy.forward
  to   = module.unmatched[0].aws_iam_role_policy.forward
}
