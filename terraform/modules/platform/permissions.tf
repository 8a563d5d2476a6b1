# What the `permissions` of workers and web functions mean: ARNs for their roles, and names for their environment.

locals {
  permitted = merge(
    { for name, worker in local.workers : name => worker.permissions },
    { for name, function in local.web : name => function.permissions },
  )

  # Every resource named => its kind (table, bucket, identity, function, arn), its name, and the path within it.
  resources = {
    for resource in distinct(flatten([for permissions in local.permitted : permissions[*].resources])) : resource => {
      kind = split(":", resource)[0]
      name = regex("^[a-z]+:([^/]*)", resource)[0]
      path = regex("^[^/]*(.*)$", resource)[0]
    }
  }
  function_arn = "arn:${local.deployment.partition}:lambda:${local.deployment.region}:${local.deployment.account_id}:function:${local.deployment.namespace}"
  identity_arn = "arn:${local.deployment.partition}:ses:${local.deployment.region}:${local.deployment.account_id}:identity"

  arns = {
    for resource, it in local.resources : resource => (
      it.kind == "table" ? ["${local.store_arns.table[it.name]}${it.path}"]
      : it.kind == "bucket" ? ["${local.store_arns.bucket[it.name]}${it.path}", "${local.store_arns.bucket[it.name]}${it.path}/*"]
      : it.kind == "identity" ? ["${local.identity_arn}/${it.name}"]
      : it.kind == "function" ? ["${local.function_arn}-${it.name}", "${local.function_arn}-${it.name}:live"]
      : [resource]
    )
  }

  permissions = {
    for name, permissions in local.permitted : name => [
      for permission in permissions : {
        actions   = permission.actions
        resources = flatten([for resource in permission.resources : local.arns[resource]])
      }
    ]
  }

  # Of each table and bucket that somebody is permitted to, or declares: it may stand in another's stack.
  table_names  = distinct(concat(keys(local.tables), [for it in local.resources : it.name if it.kind == "table"]))
  bucket_names = distinct(concat(keys(local.buckets), [for it in local.resources : it.name if it.kind == "bucket"]))
  store_names = {
    table  = { for name in local.table_names : name => "${var.namespace}-${name}" }
    bucket = { for name in local.bucket_names : name => "${var.namespace}-${name}-${local.deployment.account_id}" }
  }
  store_arns = {
    table  = { for name, named in local.store_names.table : name => "arn:${local.deployment.partition}:dynamodb:${local.location}:table/${named}" }
    bucket = { for name, named in local.store_names.bucket : name => "arn:${local.deployment.partition}:s3:::${named}" }
  }

  # TABLE_STOCK = fanout-dev-stock: the name in AWS of each table and bucket that the worker is permitted to.
  store_variables = {
    for name, permissions in local.permitted : name => {
      for it in distinct([for resource in flatten(permissions[*].resources) : local.resources[resource]]) :
      "${upper(it.kind)}_${upper(replace(it.name, "-", "_"))}" => local.store_names[it.kind][it.name]...
      if contains(["table", "bucket"], it.kind)
    }
  }

  senders = toset([for it in local.resources : it.name if it.kind == "identity"])
}
