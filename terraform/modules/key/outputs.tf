output "alias" {
  description = "The key's alias, known before the key is made."
  value       = local.alias
  depends_on  = [aws_kms_alias.this]
}

output "arn" {
  description = "The key's ARN."
  value       = local.key.arn
}

output "statements" {
  description = "What the key's policy has to say: that of an existing key is its owner's to change."
  value       = local.statements
}
