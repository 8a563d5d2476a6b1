output "combinations" {
  description = "How many combinations SNS counts of each policy; it takes 150."
  value       = local.combinations
}
