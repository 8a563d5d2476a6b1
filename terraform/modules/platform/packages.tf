# The functions' code, as `make build` writes it: a layer with what every worker needs, a layer for a worker with
# requirements of its own, and a small zip for each worker.
#
# The zips go by way of S3: the provider sends code from files to Lambda one function at a time, 5 s each.

locals {
  target = try(jsondecode(file("${var.packages_dir}/target.json")), { runtime = "", architecture = null })

  # On an emulator the packages are for the machine's own architecture, whatever the worker declares.
  architectures = { for name, worker in local.workers : name => coalesce(local.target.architecture, worker.function.architecture) }
  dependencies  = toset([for architecture in concat(values(local.architectures), values(local.web)[*].architecture, local.consoles[*].architecture) : "dependencies-${architecture}"])
  own_layers    = toset([for name in concat(keys(local.workers), keys(local.web), local.consoles[*].zip) : "layers/${name}" if fileexists("${var.packages_dir}/layers/${name}.zip")])
  zips          = toset(concat([for name in keys(local.workers) : "workers/${name}"], [for name in keys(local.web) : "web/${name}"], tolist(local.dependencies), tolist(local.own_layers), local.relays, local.canaries, local.consoles[*].zip, local.forwarders))
  relays        = length(local.outbox_workers) > 0 ? ["outbox-relay"] : []
  canaries      = var.canary == null ? [] : ["canary"]
  consoles      = var.console == null ? [] : [{ zip = "console", architecture = coalesce(local.target.architecture, try(sort(values(local.architectures))[0], "arm64")) }]
  forwarders    = var.traces.endpoint == null ? [] : ["span-forwarder"]

  packages = {
    for name, worker in local.workers : name => {
      bucket       = aws_s3_bucket.packages.id
      key          = aws_s3_object.package["workers/${name}"].key
      hash         = local.hashes["workers/${name}"]
      handler      = "services.${worker.folder}.handler.handler"
      runtime      = local.target.runtime
      architecture = local.architectures[name]
      layers = [
        for layer in ["dependencies-${local.architectures[name]}", "layers/${name}"] : aws_lambda_layer_version.this[layer].arn
        if contains(local.layers, layer)
      ]
    }
  }
  # The relay runs on what its workers run on, so that it needs no layer of its own.
  relay_package = one([
    for relay in local.relays : {
      bucket       = aws_s3_bucket.packages.id
      key          = aws_s3_object.package[relay].key
      hash         = local.hashes[relay]
      handler      = "fanout.outbox.relay.handler"
      runtime      = local.target.runtime
      architecture = local.architectures[local.outbox_workers[0]]
      layers       = [aws_lambda_layer_version.this["dependencies-${local.architectures[local.outbox_workers[0]]}"].arn]
    }
  ])
  # On the layer of some workers: it needs no other.
  canary_architecture = try(sort(values(local.architectures))[0], "")
  canary_package = one([
    for canary in local.canaries : {
      bucket       = aws_s3_bucket.packages.id
      key          = aws_s3_object.package[canary].key
      hash         = local.hashes[canary]
      handler      = "fanout_tools.canary.scheduled.handler"
      runtime      = local.target.runtime
      architecture = local.canary_architecture
      layers       = [aws_lambda_layer_version.this["dependencies-${local.canary_architecture}"].arn]
    }
  ])

  console_package = one([
    for console in local.consoles : {
      bucket       = aws_s3_bucket.packages.id
      key          = aws_s3_object.package[console.zip].key
      hash         = local.hashes[console.zip]
      handler      = "fanout_console.handler"
      runtime      = local.target.runtime
      architecture = console.architecture
      layers = [
        for layer in ["dependencies-${console.architecture}", "layers/${console.zip}"] : aws_lambda_layer_version.this[layer].arn
        if contains(local.layers, layer)
      ]
    }
  ])

  # Likewise on what the first of the workers runs on.
  forwarder_package = one([
    for forwarder in local.forwarders : {
      bucket       = aws_s3_bucket.packages.id
      key          = aws_s3_object.package[forwarder].key
      hash         = local.hashes[forwarder]
      handler      = "fanout.tracing.forwarder.handler"
      runtime      = local.target.runtime
      architecture = values(local.architectures)[0]
      layers       = [aws_lambda_layer_version.this["dependencies-${values(local.architectures)[0]}"].arn]
    }
  ])
  layers = setunion(local.dependencies, local.own_layers)

  # Without its files a configuration is still valid, but not to be planned: see the precondition below.
  hashes   = { for zip in local.zips : zip => try(filebase64sha256("${var.packages_dir}/${zip}.zip"), "") }
  checksum = { for zip in local.zips : zip => try(filesha256("${var.packages_dir}/${zip}.zip"), "") }
  build    = "`make build TARGET=${basename(var.packages_dir)}`"
  older    = [for path in module.sources.changed : basename(path) if var.canary != null || var.console != null || !can(regex("/fanout_tools/", path))] # they alone hold tools
  unbuilt  = [for file in concat(["target.json"], formatlist("%s.zip", local.zips)) : file if !fileexists("${var.packages_dir}/${file}")]
}

module "sources" {
  source = "../sources"

  packages_dir = var.packages_dir
  recorded     = try(local.target.sources, {})
}

resource "aws_s3_bucket" "packages" {
  bucket        = "${var.namespace}-packages-${local.deployment.account_id}"
  force_destroy = true # `make build` makes them again

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

resource "aws_s3_bucket_public_access_block" "packages" {
  bucket                  = aws_s3_bucket.packages.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "packages" {
  bucket = aws_s3_bucket.packages.id

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
  count = var.tls_only ? 1 : 0

  bucket = aws_s3_bucket.packages.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "WithoutTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.packages.arn, "${aws_s3_bucket.packages.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

resource "aws_s3_object" "package" {
  for_each = local.zips

  bucket = aws_s3_bucket.packages.id
  key    = "${each.key}-${local.checksum[each.key]}.zip"
  source = "${var.packages_dir}/${each.key}.zip"

  # Nobody looks at tags of what lies here for a deployment only, and an object can have but ten.
  override_provider {
    default_tags {
      tags = {}
    }
  }
}

resource "aws_lambda_layer_version" "this" {
  for_each = local.layers

  layer_name          = "${var.namespace}-${replace(trimprefix(each.key, "layers/"), "_", "-")}"
  description         = "Distributions that workers need"
  s3_bucket           = aws_s3_bucket.packages.id
  s3_key              = aws_s3_object.package[each.key].key
  source_code_hash    = local.hashes[each.key]
  compatible_runtimes = [local.target.runtime]
}
