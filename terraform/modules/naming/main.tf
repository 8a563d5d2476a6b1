# An environment's namespace, the first part of every name. It has the region in it: roles, buckets and dashboards have one
# name in all regions of an account, so that a second region would meet those of the first.

locals {
  words = {
    north   = "n", northeast = "ne", east = "e", southeast = "se", south = "s", southwest = "sw", west = "w", northwest = "nw",
    central = "c", gov = "g",
  }
  code = join("", [for part in split("-", var.region) : lookup(local.words, part, part)])
}
