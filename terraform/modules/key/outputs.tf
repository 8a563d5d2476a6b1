output "alias" {
  description = "The key's alias, known before the key is made."
  value       = local.alias
  depends_on  = [aws_kms_alias.this]
}

output "arn" {
  description = "The key's ARN."
  value       = aws_kms_key.this.arn
}
