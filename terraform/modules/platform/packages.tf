# The functions' code, as `make build` writes it: a layer with what every worker needs, a layer for a worker with
# requirements of its own, and a small zip for each worker.
#
# The zips go by way of S3: the provider sends code from files to Lambda one function at a time, 5 s each.

locals {
  target = try(jsondecode(file("${var.packages_dir}/target.json")), { runtime = "", architecture = null })

  # On an emulator the packages are for the machine's own architecture, whatever the worker declares.
  architectures = { for name, worker in local.workers : name => coalesce(local.target.architecture, worker.function.architecture) }
  # Relay, canary and forwarder run on what workers run on, so that they need no layer of their own.
  first_architecture = try(sort(values(local.architectures))[0], "")

  # The layers of what stands here; those of dependencies are the platform's, whose every function's they are.
  used = toset(concat(
    [for name in keys(local.own) : "dependencies-${local.architectures[name]}"],
    local.has.edge ? [for function in values(local.web) : "dependencies-${function.architecture}"] : [],
    local.has.edge && var.canary != null ? ["dependencies-${local.first_architecture}"] : [],
    local.has.edge ? [for console in local.consoles : "dependencies-${console.architecture}"] : [],
  ))
  dependencies = local.has.platform ? toset([for architecture in concat(values(local.architectures), values(local.web)[*].architecture, local.consoles[*].architecture) : "dependencies-${architecture}"]) : []
  functions    = concat(keys(local.own), local.has.edge ? concat(keys(local.web), local.consoles[*].zip) : [])
  consoles     = var.console == null || local.worker_alone != null ? [] : [{ zip = "console", architecture = coalesce(local.target.architecture, local.first_architecture, "arm64") }]
  own_layers   = toset([for name in local.functions : "layers/${name}" if fileexists("${var.packages_dir}/layers/${name}.zip")])
  zips = toset(concat(
    [for name in keys(local.own) : "workers/${name}"],
    local.has.edge ? [for name in keys(local.web) : "web/${name}"] : [],
    tolist(local.dependencies), tolist(local.own_layers),
    local.has.platform && length(local.outbox_workers) > 0 ? ["outbox-relay"] : [],
    local.has.platform && var.traces.endpoint != null ? ["span-forwarder"] : [],
    local.has.edge && var.canary != null ? ["canary"] : [],
    local.has.edge ? local.consoles[*].zip : [],
  ))

  packages = {
    for name, worker in local.own : name => {
      bucket       = local.packages_bucket
      key          = aws_s3_object.package["workers/${name}"].key
      hash         = local.hashes["workers/${name}"]
      handler      = "services.${worker.folder}.handler.handler"
      runtime      = local.target.runtime
      architecture = local.architectures[name]
      layers       = [for layer in ["dependencies-${local.architectures[name]}", "layers/${name}"] : local.layer_arns[layer] if contains(keys(local.layer_arns), layer)]
    }
  }
  # The platform's own functions. The relay's workers have the architecture of the first of them.
  handlers = { outbox-relay = "fanout.outbox.relay.handler", span-forwarder = "fanout.tracing.forwarder.handler", canary = "fanout_tools.canary.scheduled.handler" }
  tool_packages = {
    for zip, handler in local.handlers : zip => {
      bucket       = local.packages_bucket
      key          = aws_s3_object.package[zip].key
      hash         = local.hashes[zip]
      handler      = handler
      runtime      = local.target.runtime
      architecture = zip == "outbox-relay" ? local.architectures[local.outbox_workers[0]] : local.first_architecture
      layers       = [local.layer_arns["dependencies-${zip == "outbox-relay" ? local.architectures[local.outbox_workers[0]] : local.first_architecture}"]]
    } if contains(local.zips, zip)
  }
  relay_package     = lookup(local.tool_packages, "outbox-relay", null)
  forwarder_package = lookup(local.tool_packages, "span-forwarder", null)
  canary_package    = lookup(local.tool_packages, "canary", null)

  console_package = one([
    for console in local.consoles : {
      bucket       = local.packages_bucket
      key          = aws_s3_object.package[console.zip].key
      hash         = local.hashes[console.zip]
      handler      = "fanout_console.handler"
      runtime      = local.target.runtime
      architecture = console.architecture
      layers       = [for layer in ["dependencies-${console.architecture}", "layers/${console.zip}"] : local.layer_arns[layer] if contains(keys(local.layer_arns), layer)]
    } if local.has.edge
  ])

  layers = setunion(local.dependencies, local.own_layers)
  layer_arns = merge(
    { for layer, version in aws_lambda_layer_version.this : layer => version.arn },
    { for layer, version in data.aws_lambda_layer_version.dependencies : layer => version.arn },
  )
  # By its content, so that every stack finds the version that it was built with.
  layer_names     = { for layer in setunion(local.used, local.layers) : layer => "${var.namespace}-${replace(trimprefix(layer, "layers/"), "_", "-")}${startswith(layer, "layers/") ? "" : "-${substr(try(filesha256("${var.packages_dir}/${layer}.zip"), ""), 0, 8)}"}" }
  packages_bucket = try(aws_s3_bucket.packages[0].id, "${var.namespace}-packages-${local.deployment.account_id}")

  # Without its files a configuration is still valid, but not to be planned: see the precondition below.
  hashes   = { for zip in local.zips : zip => try(filebase64sha256("${var.packages_dir}/${zip}.zip"), "") }
  checksum = { for zip in local.zips : zip => try(filesha256("${var.packages_dir}/${zip}.zip"), "") }
  build    = "`make build TARGET=${basename(var.packages_dir)}`"
  older    = [for path in module.sources.changed : basename(path) if var.canary != null || var.console != null || !can(regex("/fanout_tools/", path))] # they alone hold tools
  unbuilt  = [for file in concat(["target.json"], formatlist("%s.zip", setunion(local.zips, local.used))) : file if !fileexists("${var.packages_dir}/${file}")]
}

module "sources" {
  source = "../sources"

  packages_dir = var.packages_dir
  recorded     = try(local.target.sources, {})
}

data "aws_lambda_layer_version" "dependencies" {
  for_each = setsubtract(local.used, local.dependencies)

  layer_name = local.layer_names[each.key]
}

resource "terraform_data" "packages" {
  input = var.namespace

  lifecycle {
    precondition {
      condition     = length(local.unbuilt) == 0
      error_message = "${var.packages_dir} lacks ${join(", ", local.unbuilt)}; run ${local.build}."
    }
    precondition {
      condition     = length(local.older) == 0
      error_message = "The packages in ${var.packages_dir} are older than ${join(", ", local.older)}; run ${local.build}."
    }
  }
}

resource "aws_s3_bucket" "packages" {
  count = local.has.platform ? 1 : 0

  bucket        = "${var.namespace}-packages-${local.deployment.account_id}"
  force_destroy = true # `make build` makes them again
}

resource "aws_s3_bucket_public_access_block" "packages" {
  count = local.has.platform ? 1 : 0

  bucket                  = aws_s3_bucket.packages[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "packages" {
  count = local.has.platform ? 1 : 0

  bucket = aws_s3_bucket.packages[0].id

  rule {
    id     = "abort"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_policy" "packages" {
  count = var.tls_only && local.has.platform ? 1 : 0

  bucket = aws_s3_bucket.packages[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "WithoutTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.packages[0].arn, "${aws_s3_bucket.packages[0].arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

resource "aws_s3_object" "package" {
  for_each = local.zips

  bucket = local.packages_bucket
  key    = "${each.key}-${local.checksum[each.key]}.zip"
  source = "${var.packages_dir}/${each.key}.zip"

  # Nobody looks at tags of what lies here for a deployment only, and an object can have but ten.
  override_provider {
    default_tags {
      tags = {}
    }
  }
  depends_on = [terraform_data.packages]
}

resource "aws_lambda_layer_version" "this" {
  for_each = local.layers

  layer_name          = local.layer_names[each.key]
  description         = "Distributions that workers need"
  s3_bucket           = local.packages_bucket
  s3_key              = aws_s3_object.package[each.key].key
  source_code_hash    = local.hashes[each.key]
  compatible_runtimes = [local.target.runtime]

  depends_on = [terraform_data.packages]
}
