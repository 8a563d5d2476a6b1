# Everything that is wrong with the workers' worker.yaml, each as `<file>: <key>: <what is wrong>; <the fix>`.
#
# The words are those of fanout_tools.declarations.worker. Only two things must be left to Python: near names of an unknown event, and
# the grammar of `where`. Values are kept as JSON, whose first letter tells their kind, because no two have one type.

locals {
  files = { for folder in keys(local.declared) : folder => "services/${folder}/worker.yaml" }

  problems = sort(concat(
    [for folder, is_yaml in local.is_yaml : "${local.files[folder]}: not YAML; fix its syntax" if !is_yaml],
    [
      for problem in concat(
        local.form_problems, local.rule_problems, local.name_problems, local.ownership_problems, local.permission_problems,
        local.unfed_problems, local.source_problems, local.gatherer_problems,
      ) :
      # jsonencode writes <, > and & as HTML would have them.
      replace(replace(replace("${local.files[problem.folder]}: ${problem.text}", "\\u003c", "<"), "\\u003e", ">"), "\\u0026", "&")
    ],
  ))
}

resource "terraform_data" "manifests" {
  lifecycle {
    precondition {
      condition     = length(local.problems) == 0
      error_message = "Fix ${length(local.problems) == 1 ? "this" : "these"} and plan again:\n\n${join("\n", formatlist("  %s", local.problems))}"
    }
  }
}
