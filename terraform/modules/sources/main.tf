# Whether packages are older than what they are made of: `make build` writes a digest of each folder into target.json, and a
# plan compares it. shared/fanout_tools/deploy/packages/sources.py computes the same.

locals {
  # What no package holds, or what Terraform reads by itself.
  left_out = "(^|/)((tests|__pycache__)/.*|test_[^/]*|conftest[.]py|workflow[.]asl[.]json|[.][^/]*)$"

  files = {
    for path in keys(var.recorded) : path => [
      for file in sort(fileset("${var.packages_dir}/${path}", "**")) : file if length(regexall(local.left_out, file)) == 0
    ]
  }
  digests = {
    for path, files in local.files : path => sha256(join("\n", [for file in files : "${file} ${filesha256("${var.packages_dir}/${path}/${file}")}"]))
  }

  # A folder that is not here was on the machine that has built them.
  changed = [for path, digest in var.recorded : path if length(local.files[path]) > 0 && local.digests[path] != digest]
}
