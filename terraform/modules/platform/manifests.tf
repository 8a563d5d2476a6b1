# The workers as their worker.yaml declare them: read, checked, and with every default filled in.
#
# shared/fanout/manifest.py is the same model for the Python side; a test feeds both the same bad files.

locals {
  # The form of a worker.yaml: what each key of each section may hold, and what it is when left out.
  form = {
    manifest = {
      description = { kind = "text", most = 256 }
      owner       = { kind = "text", default = null }
      subscribes  = { kind = "list", least = 1, each = "subscription" }
      publishes   = { kind = "list", default = [], items = { kind = "text", pattern = local.event_name } }
      via         = { kind = "choice", choices = ["topic", "bus"], default = "topic" }
      function    = { kind = "section", default = {} }
      batch       = { kind = "section", default = {} }
      queue       = { kind = "section", default = {} }
      retry       = { kind = "section", default = {} }
      idempotency = { kind = "section", default = {} }
      permissions = { kind = "list", default = [], each = "permission" }
      tables      = { kind = "mapping", default = {}, each = "table" }
      buckets     = { kind = "mapping", default = {}, each = "bucket" }
    }
    subscription = {
      event = { kind = "text", pattern = "${local.event_name}|^\\*$" }
      where = { kind = "mapping", default = {} }
    }
    function = {
      memory_mb               = { kind = "whole", least = 128, most = 10240, default = 256 }
      timeout_s               = { kind = "whole", least = 1, most = 900, default = 30 }
      architecture            = { kind = "choice", choices = ["arm64", "x86_64"], default = "arm64" }
      reserved_concurrency    = { kind = "whole", least = 1, most = 1000, default = null }
      provisioned_concurrency = { kind = "whole", least = 0, most = 1000, default = 0 }
    }
    batch = {
      size            = { kind = "whole", least = 1, most = 10000, default = 10 }
      window_s        = { kind = "whole", least = 0, most = 300, default = 0 }
      max_concurrency = { kind = "whole", least = 2, most = 1000, default = null }
    }
    queue = {
      fifo           = { kind = "flag", default = false }
      retention_days = { kind = "whole", least = 1, most = 14, default = 4 }
      max_receives   = { kind = "whole", least = 1, most = 1000, default = 5 }
      visibility_s   = { kind = "whole", least = 0, most = 43200, default = null }
    }
    retry = {
      base_s = { kind = "whole", least = 0, most = 43200, default = 2 }
      cap_s  = { kind = "whole", least = 0, most = 43200, default = 900 }
    }
    idempotency = {
      mode      = { kind = "choice", choices = ["strict", "claim", "off"], default = "strict" }
      ttl_hours = { kind = "whole", least = 1, most = 8760, default = 24 }
    }
    permission = {
      actions   = { kind = "list", least = 1, items = { kind = "text", pattern = "^[a-z0-9-]+:[A-Za-z*]+$" } }
      resources = { kind = "list", least = 1, items = { kind = "text", pattern = "^((table|bucket|identity):[^*]+|arn:.+)$" } }
    }
    table = {
      key      = { kind = "text", most = 255 }
      sort_key = { kind = "text", most = 255, default = null }
    }
    bucket = {
      events = { kind = "flag", default = false }
    }
  }
  event_name    = "^[a-z][a-z0-9.-]*/[A-Za-z][A-Za-z0-9 ]*$"
  resource_name = "^[a-z][a-z0-9-]{1,28}$"

  defaults = { for section, keys in local.form : section => { for key, rule in keys : key => try(rule.default, null) } }

  # Folder => what its file says; null where it is no YAML.
  declared = {
    for file in fileset(var.services_dir, "*/worker.yaml") :
    dirname(file) => try(yamldecode(file("${var.services_dir}/${file}")), null)
  }

  # Every key filled in. A bad file must get as far as local.problems, so that nothing here may fail on one.
  filled = {
    for folder, given in local.declared : folder => {
      name        = replace(folder, "_", "-")
      folder      = folder
      description = try(given.description, "")
      subscribes  = try([for item in given.subscribes : merge(local.defaults.subscription, item)], [])
      publishes   = try(given.publishes, [])
      via         = try(given.via, local.defaults.manifest.via)
      function    = try(merge(local.defaults.function, given.function), local.defaults.function)
      batch       = try(merge(local.defaults.batch, given.batch), local.defaults.batch)
      queue       = try(merge(local.defaults.queue, given.queue), local.defaults.queue)
      retry       = try(merge(local.defaults.retry, given.retry), local.defaults.retry)
      idempotency = try(merge(local.defaults.idempotency, given.idempotency), local.defaults.idempotency)
      permissions = try([for item in given.permissions : { actions = item.actions, resources = item.resources }], [])
      tables      = try({ for name, table in given.tables : name => merge(local.defaults.table, table) }, {})
      buckets     = try({ for name, bucket in given.buckets : name => merge(local.defaults.bucket, bucket) }, {})
    }
  }

  problems = []

  # Nothing is planned from bad files: what is wrong with them must be the only thing said.
  workers = { for folder, worker in local.filled : worker.name => worker if length(local.problems) == 0 }
}
