# How many combinations SNS counts of a filter policy: the number of values times the depth of its key, multiplied over all
# keys; the branches of an $or add up. https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
#
# Terraform knows no recursion and no product: keys are followed level by level (8, which is detail, data and six of fields), an $or
# at the top and one more in each of its branches, and products are sums of logarithms. `fanout check` follows any depth.

locals {
  # The branches of an $or at the top, which a policy for several events has, or the policy alone.
  tops = flatten([
    for name, policy in var.policies : [
      for index, node in keys(jsondecode(policy)) == ["$or"] ? [for it in jsondecode(policy)["$or"] : jsonencode(it)] : [policy] :
      { id = jsonencode([name, index]), node = node, depth = 0 }
    ]
  ])

  outer1 = flatten([
    for root in local.tops : [
      for key, value in jsondecode(root.node) : { id = root.id, key = key, node = jsonencode(value), depth = root.depth + 1 }
    ]
  ])
  outer2 = flatten([
    for it in local.outer1 : [
      for key, value in jsondecode(it.node) : { id = it.id, key = key, node = jsonencode(value), depth = it.depth + 1 }
    ] if startswith(it.node, "{")
  ])
  outer3 = flatten([
    for it in local.outer2 : [
      for key, value in jsondecode(it.node) : { id = it.id, key = key, node = jsonencode(value), depth = it.depth + 1 }
    ] if startswith(it.node, "{")
  ])
  outer4 = flatten([
    for it in local.outer3 : [
      for key, value in jsondecode(it.node) : { id = it.id, key = key, node = jsonencode(value), depth = it.depth + 1 }
    ] if startswith(it.node, "{")
  ])
  outer5 = flatten([
    for it in local.outer4 : [
      for key, value in jsondecode(it.node) : { id = it.id, key = key, node = jsonencode(value), depth = it.depth + 1 }
    ] if startswith(it.node, "{")
  ])
  outer6 = flatten([
    for it in local.outer5 : [
      for key, value in jsondecode(it.node) : { id = it.id, key = key, node = jsonencode(value), depth = it.depth + 1 }
    ] if startswith(it.node, "{")
  ])
  outer7 = flatten([
    for it in local.outer6 : [
      for key, value in jsondecode(it.node) : { id = it.id, key = key, node = jsonencode(value), depth = it.depth + 1 }
    ] if startswith(it.node, "{")
  ])
  outer8 = flatten([
    for it in local.outer7 : [
      for key, value in jsondecode(it.node) : { id = it.id, key = key, node = jsonencode(value), depth = it.depth + 1 }
    ] if startswith(it.node, "{")
  ])
  outer = concat(local.outer1, local.outer2, local.outer3, local.outer4, local.outer5, local.outer6, local.outer7, local.outer8)

  # An $or within: its branches are as deep as itself.
  branches = flatten([
    for number, it in local.outer : [
      for index, node in jsondecode(it.node) : { id = jsonencode([it.id, number, index]), of = it.id, choice = number, node = jsonencode(node), depth = it.depth - 1 }
    ] if it.key == "$or" && startswith(it.node, "[{")
  ])

  inner1 = flatten([
    for root in local.branches : [
      for key, value in jsondecode(root.node) : { id = root.id, key = key, node = jsonencode(value), depth = root.depth + 1 }
    ]
  ])
  inner2 = flatten([
    for it in local.inner1 : [
      for key, value in jsondecode(it.node) : { id = it.id, key = key, node = jsonencode(value), depth = it.depth + 1 }
    ] if startswith(it.node, "{")
  ])
  inner3 = flatten([
    for it in local.inner2 : [
      for key, value in jsondecode(it.node) : { id = it.id, key = key, node = jsonencode(value), depth = it.depth + 1 }
    ] if startswith(it.node, "{")
  ])
  inner4 = flatten([
    for it in local.inner3 : [
      for key, value in jsondecode(it.node) : { id = it.id, key = key, node = jsonencode(value), depth = it.depth + 1 }
    ] if startswith(it.node, "{")
  ])
  inner5 = flatten([
    for it in local.inner4 : [
      for key, value in jsondecode(it.node) : { id = it.id, key = key, node = jsonencode(value), depth = it.depth + 1 }
    ] if startswith(it.node, "{")
  ])
  inner6 = flatten([
    for it in local.inner5 : [
      for key, value in jsondecode(it.node) : { id = it.id, key = key, node = jsonencode(value), depth = it.depth + 1 }
    ] if startswith(it.node, "{")
  ])
  inner7 = flatten([
    for it in local.inner6 : [
      for key, value in jsondecode(it.node) : { id = it.id, key = key, node = jsonencode(value), depth = it.depth + 1 }
    ] if startswith(it.node, "{")
  ])
  inner8 = flatten([
    for it in local.inner7 : [
      for key, value in jsondecode(it.node) : { id = it.id, key = key, node = jsonencode(value), depth = it.depth + 1 }
    ] if startswith(it.node, "{")
  ])
  inner = concat(local.inner1, local.inner2, local.inner3, local.inner4, local.inner5, local.inner6, local.inner7, local.inner8)

  # Where it is => values x depth of each leaf, as logarithms.
  outer_leaves = {
    for it in local.outer : it.id => log(max(length(jsondecode(it.node)), 1) * it.depth, 2)...
    if startswith(it.node, "[") && !(it.key == "$or" && startswith(it.node, "[{"))
  }
  inner_leaves = { for it in local.inner : it.id => log(max(length(jsondecode(it.node)), 1) * it.depth, 2)... if startswith(it.node, "[") }

  # Choice (an $or within) => the products of its branches; and its place => the sums, as logarithms.
  choices = { for it in local.branches : jsonencode([it.of, it.choice]) => pow(2, sum(concat([0], lookup(local.inner_leaves, it.id, []))))... }
  sums    = { for choice, products in local.choices : jsondecode(choice)[0] => log(sum(products), 2)... }

  products = {
    for it in local.tops : jsondecode(it.id)[0] => pow(2, sum(concat([0], lookup(local.outer_leaves, it.id, []), lookup(local.sums, it.id, []))))...
  }
  combinations = { for name, products in local.products : name => floor(0.5 + sum(products)) }
}
