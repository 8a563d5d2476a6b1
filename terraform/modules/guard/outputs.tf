output "guarded" {
  description = "What is guarded; empty where nothing is protected."
  value       = sort(keys(terraform_data.guarded))
}
