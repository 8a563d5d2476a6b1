output "workers" {
  description = "The workers by name, as declared, with every default filled in, and the folder of each."
  value       = local.workers
}
