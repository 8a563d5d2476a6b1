output "environment" {
  description = "PARAMETER_X and SECRET_X: the name in AWS of each, by the function's own name for it."
  value = merge(
    { for name, at in local.parameters : "PARAMETER_${upper(replace(name, "-", "_"))}" => at },
    { for name, at in local.secrets : "SECRET_${upper(replace(name, "-", "_"))}" => at },
  )
}

output "statements" {
  description = "The statements for the function's role."
  value       = local.statements
}
