# What the form (form.tf) forbids: each mapping with the form it should have, each entry of one, each text of a list.

locals {
  roots = [
    for folder, given in local.declared : { folder = folder, path = "", form = "manifest", json = jsonencode(given) }
  ]
  root_entries = flatten([
    for root in local.roots : [
      for key, value in jsondecode(root.json) :
      { folder = root.folder, path = key, form = root.form, key = key, json = jsonencode(value) }
    ] if startswith(root.json, "{")
  ])
  sections = concat(
    local.roots,
    [
      for entry in local.root_entries : { folder = entry.folder, path = entry.path, form = entry.key, json = entry.json }
      if try(local.form.manifest[entry.key].kind, "") == "section"
    ],
    flatten([
      for entry in local.root_entries : [
        for index, value in jsondecode(entry.json) : {
          folder = entry.folder
          path   = "${entry.path}.${index}"
          form   = local.form.manifest[entry.key].each
          json   = jsonencode(value)
        }
      ] if can(local.form.manifest[entry.key].each) && startswith(entry.json, try(local.form.manifest[entry.key].kind, "") == "list" ? "[" : "{")
    ]),
  )
  entries = flatten([
    for section in local.sections : [
      for key, value in jsondecode(section.json) : {
        folder = section.folder
        path   = trimprefix("${section.path}.${key}", ".")
        form   = section.form
        key    = key
        json   = jsonencode(value)
      }
    ] if startswith(section.json, "{")
  ])
  items = flatten([
    for entry in local.entries : [
      for index, value in jsondecode(entry.json) :
      { folder = entry.folder, path = "${entry.path}.${index}", form = entry.form, key = entry.key, json = jsonencode(value) }
    ] if can(local.form[entry.form][entry.key].items) && startswith(entry.json, try(local.form[entry.form][entry.key].kind, "") == "list" ? "[" : "{")
  ])

  # Every value with the rule it must keep.
  ruled = concat(
    [
      for entry in local.entries : merge(entry, { rule = jsonencode(local.form[entry.form][entry.key]) })
      if can(local.form[entry.form][entry.key]) && try(local.form[entry.form][entry.key].kind, "") != "section"
    ],
    [for item in local.items : merge(item, { rule = jsonencode(local.form[item.form][item.key].items) })],
  )
  broken = [
    for value in local.ruled : value if !anytrue([
      for rule in [jsondecode(value.rule)] : (
        value.json == "null" ? try(rule.default == null, false)
        : rule.kind == "whole" ? try(tonumber(value.json) == floor(tonumber(value.json)) && tonumber(value.json) >= rule.least && tonumber(value.json) <= rule.most, false)
        : rule.kind == "flag" ? contains(["true", "false"], value.json)
        : rule.kind == "choice" ? contains([for choice in rule.choices : jsonencode(choice)], value.json)
        : rule.kind == "list" ? startswith(value.json, "[") && !(value.json == "[]" && can(rule.least))
        : rule.kind == "mapping" ? startswith(value.json, "{")
        : startswith(value.json, "\"") && value.json != "\"\"" && try(length(jsondecode(value.json)) <= rule.most, true) && can(regex(try(rule.pattern, "."), jsondecode(value.json)))
      )
    ])
  ]
  wanted = {
    for rule in distinct([for value in local.broken : value.rule]) : rule => one([
      for it in [jsondecode(rule)] : (
        it.kind == "whole" ? "must be a whole number from ${it.least} to ${it.most}"
        : it.kind == "flag" ? "must be true or false"
        : it.kind == "choice" ? "must be one of ${join(", ", [for choice in it.choices : choice if choice != false])}"
        : it.kind == "list" ? "must be a list${can(it.least) ? " with at least one entry" : ""}"
        : it.kind == "mapping" ? "must be a mapping"
        : can(it.pattern) ? "must match ${it.pattern}"
        : can(it.most) ? "must be a text of 1 to ${it.most} characters"
        : "must be a text"
      )
    ])
  }

  form_problems = concat(
    [
      for section in local.sections : {
        folder = section.folder
        text   = "${section.path == "" ? "the file" : section.path}: ${section.json}: must be a mapping"
      } if !startswith(section.json, "{") && local.is_yaml[section.folder]
    ],
    flatten([
      for section in local.sections : [
        for key, rule in local.form[section.form] :
        { folder = section.folder, text = "${trimprefix("${section.path}.${key}", ".")}: missing; add it" }
        if !can(rule.default) && !can(jsondecode(section.json)[key])
      ] if startswith(section.json, "{")
    ]),
    [
      for entry in local.entries :
      { folder = entry.folder, text = "${entry.path}: unknown key; write one of ${join(", ", keys(local.form[entry.form]))}" }
      if !can(local.form[entry.form][entry.key])
    ],
    [for value in local.broken : { folder = value.folder, text = "${value.path}: ${value.json}: ${local.wanted[value.rule]}" }],
    flatten([
      for entry in local.root_entries : [
        for name in keys(jsondecode(entry.json)) :
        { folder = entry.folder, text = "${entry.path}.${name}: ${jsonencode(name)}: must match ${local.resource_name}" }
        if !can(regex(local.resource_name, name))
      ] if contains(["tables", "buckets", "parameters", "scaling_schedule", "secrets"], entry.key) && startswith(entry.json, "{")
    ]),
    flatten([
      for entry in local.entries : [
        for name in keys(jsondecode(entry.json)) :
        { folder = entry.folder, text = "${entry.path}.${name}: ${jsonencode(name)}: must match ${local.names[entry.key]}" }
        if !can(regex(local.names[entry.key], name))
      ] if contains(["manifest environment", "table indexes"], "${entry.form} ${entry.key}") && startswith(entry.json, "{")
    ]),
  )

  # A file with nothing but comments is YAML to Python and none to Terraform.
  is_yaml = {
    for folder, text in local.texts : folder => can(yamldecode(text)) || trimspace(replace(text, "/(?m)#.*$/", "")) == ""
  }
}
