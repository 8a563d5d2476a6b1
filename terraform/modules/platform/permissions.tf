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
      it.kind == "table" ? ["${module.store.tables[it.name].arn}${it.path}"]
      : it.kind == "bucket" ? ["${module.store.buckets[it.name].arn}${it.path}", "${module.store.buckets[it.name].arn}${it.path}/*"]
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

  # TABLE_STOCK = fanout-dev-stock: the name in AWS of each table and bucket that the worker is permitted to.
  store_names = {
    table  = { for name, table in module.store.tables : name => table.name }
    bucket = { for name, bucket in module.store.buckets : name => bucket.name }
  }
  store_variables = {
    for name, permissions in local.permitted : name => {
      for it in distinct([for resource in flatten(permissions[*].resources) : local.resources[resource]]) :
      "${upper(it.kind)}_${upper(replace(it.name, "-", "_"))}" => local.store_names[it.kind][it.name]...
      if contains(["table", "bucket"], it.kind)
    }
  }

  senders = toset([for it in local.resources : it.name if it.kind == "identity"])
}
