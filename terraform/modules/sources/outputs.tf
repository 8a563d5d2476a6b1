output "changed" {
  description = "The folders whose content is not what was built."
  value       = local.changed
}
