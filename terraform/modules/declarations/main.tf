# What every environment has beside its workers, as the project's files say it.

locals {
  read = {
    for name in ["schedules", "queues", "bus_destinations"] : name =>
    yamldecode(fileexists("${var.folder}/${name}.yaml") ? file("${var.folder}/${name}.yaml") : "{}")
  }
  console = "${coalesce(var.root, var.folder)}/console.yaml"
}
