output "namespace" {
  description = "First part of every name: fanout-prod-euc1."
  value       = coalesce(var.namespace, "${var.environment}-${local.code}")
}
