output "operations_table" {
  description = "The table of the journal."
  value       = aws_dynamodb_table.operations.name
}

output "policies" {
  description = "The policies to give to people, by what these are: observer, investigator, operator, tuner."
  value       = { for name, policy in aws_iam_policy.this : name => policy.arn }
}

output "sweeper" {
  description = "ARN of the role that ends leases."
  value       = aws_iam_role.sweeper.arn
}
