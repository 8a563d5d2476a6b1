output "function" {
  description = "The function and the alias that is invoked."
  value       = module.function.function
}

output "address" {
  description = "Where people open it."
  value       = "https://${var.settings.host}"
}

output "roles" {
  description = "The role that is assumed for each role in the console."
  value       = { for name, role in aws_iam_role.person : name => role.arn }
}
