# The functions' code, as scripts/build_packages.py writes it: a layer with what every worker needs, a layer for a
# worker with requirements of its own, and a small zip for each worker.

locals {
  target = jsondecode(file("${var.packages_dir}/target.json"))

  # On an emulator the packages are for the machine's own architecture, whatever the worker declares.
  architectures = { for name, worker in local.workers : name => coalesce(local.target.architecture, worker.function.architecture) }
  worker_layers = toset([for name in keys(local.workers) : name if fileexists("${var.packages_dir}/layers/${name}.zip")])

  packages = {
    for name, worker in local.workers : name => {
      filename     = "${var.packages_dir}/workers/${name}.zip"
      handler      = "services.${worker.folder}.handler.handler"
      runtime      = local.target.runtime
      architecture = local.architectures[name]
      layers = concat(
        [aws_lambda_layer_version.dependencies[local.architectures[name]].arn],
        [for layer in aws_lambda_layer_version.worker : layer.arn if layer.layer_name == "${var.namespace}-${name}"],
      )
    }
  }
}

resource "aws_lambda_layer_version" "dependencies" {
  for_each = toset(values(local.architectures))

  layer_name               = "${var.namespace}-dependencies-${replace(each.key, "_", "-")}"
  description              = "What every worker needs"
  filename                 = "${var.packages_dir}/dependencies-${each.key}.zip"
  source_code_hash         = filebase64sha256("${var.packages_dir}/dependencies-${each.key}.zip")
  compatible_runtimes      = [local.target.runtime]
  compatible_architectures = [each.key]
}

resource "aws_lambda_layer_version" "worker" {
  for_each = local.worker_layers

  layer_name               = "${var.namespace}-${each.key}"
  description              = "What worker ${each.key} needs beside"
  filename                 = "${var.packages_dir}/layers/${each.key}.zip"
  source_code_hash         = filebase64sha256("${var.packages_dir}/layers/${each.key}.zip")
  compatible_runtimes      = [local.target.runtime]
  compatible_architectures = [local.architectures[each.key]]
}
