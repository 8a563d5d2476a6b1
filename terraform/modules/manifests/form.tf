# The form of a worker.yaml: what each key of each section may hold, and what it is when left out.
#
#   kind     whole, flag, text, choice, list, mapping, or section (a mapping with the form of that name)
#   each     the form of every entry of a list or mapping;  items: what every entry of a list or mapping of texts must be
#   least, most, pattern, choices   the bounds;  a key without a default must be there
#
# shared/fanout_tools/declarations/worker.py states the same for the Python side; tests/unit/fanout_tools/declarations/manifest_cases holds them together.

locals {
  event_name    = "^[a-z][a-z0-9.-]*/[A-Za-z][A-Za-z0-9 ]*$"
  any_event     = "^(\\*|[a-z][a-z0-9.-]*/[A-Za-z][A-Za-z0-9 ]*)$"
  action        = "^[a-z0-9-]+:[A-Za-z*]+$"
  resource      = "^((table|bucket|identity|function):[^*]+|arn:.+)$"
  stored_name   = "^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$"
  worker_name   = "^[a-z][a-z0-9-]*$"
  field_name    = "^[^.]+(\\.[^.]+)*$"
  resource_name = "^[a-z][a-z0-9-]{1,28}$"
  index_name    = "^[a-z][a-z0-9-]{2,28}$"
  index_keys    = "^[^/]+(/[^/]+)?$"
  variable_name = "^[A-Z][A-Z0-9_]{0,63}$"

  form = {
    manifest = {
      description = { kind = "text", most = 256 }
      owner       = { kind = "text", most = 64, default = null }
      subscribes  = { kind = "list", least = 1, each = "subscription" }
      publishes   = { kind = "list", items = { kind = "text", pattern = local.event_name }, default = [] }
      via         = { kind = "choice", choices = ["topic", "bus"], default = "topic" }
      function    = { kind = "section", default = {} }
      batch       = { kind = "section", default = {} }
      queue       = { kind = "section", default = {} }
      retry       = { kind = "section", default = {} }
      idempotency = { kind = "section", default = {} }
      slo         = { kind = "section", default = {} }
      scaling     = { kind = "section", default = {} }
      logs        = { kind = "section", default = {} }
      outbox      = { kind = "flag", default = false }
      permissions = { kind = "list", each = "permission", default = [] }
      tables      = { kind = "mapping", each = "table", default = {} }
      buckets     = { kind = "mapping", each = "bucket", default = {} }
      parameters  = { kind = "mapping", items = { kind = "text", pattern = local.stored_name }, default = {} }
      secrets     = { kind = "mapping", items = { kind = "text", pattern = local.stored_name }, default = {} }
      environment = { kind = "mapping", items = { kind = "text", most = 1000 }, default = {} }
      gathers     = { kind = "flag", default = false }
      powertools  = { kind = "flag", default = false }
      parts_of    = { kind = "list", items = { kind = "text", pattern = local.worker_name }, default = [] }

      scaling_schedule = { kind = "mapping", each = "scheduled_scaling", default = {} }
    }
    subscription = {
      event = { kind = "text", pattern = local.any_event }
      where = { kind = "mapping", default = {} }
    }
    function = {
      memory_mb               = { kind = "whole", least = 128, most = 10240, default = 256 }
      timeout_s               = { kind = "whole", least = 1, most = 900, default = 30 }
      architecture            = { kind = "choice", choices = ["arm64", "x86_64"], default = "arm64" }
      reserved_concurrency    = { kind = "whole", least = 1, most = 1000, default = null }
      provisioned_concurrency = { kind = "whole", least = 0, most = 1000, default = 0 }
      ephemeral_storage_mb    = { kind = "whole", least = 512, most = 10240, default = 512 }
      snap_start              = { kind = "flag", default = false }
      tracing                 = { kind = "choice", choices = ["passthrough", "active"], default = "passthrough" }
      vpc                     = { kind = "text", pattern = local.resource_name, default = null }
    }
    batch = {
      size             = { kind = "whole", least = 1, most = 10000, default = 10 }
      window_s         = { kind = "whole", least = 0, most = 300, default = 0 }
      max_concurrency  = { kind = "whole", least = 2, most = 1000, default = null }
      concurrency      = { kind = "whole", least = 1, most = 100, default = 1 }
      record_timeout_s = { kind = "whole", least = 1, most = 900, default = null }
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
      # A bare off is false in YAML 1.1.
      mode      = { kind = "choice", choices = ["strict", "claim", "off", false], default = "strict" }
      ttl_hours = { kind = "whole", least = 1, most = 8760, default = null }
      key       = { kind = "list", items = { kind = "text", pattern = local.field_name }, default = [] }
    }
    slo = {
      age_s         = { kind = "whole", least = 60, most = 1209600, default = 900 }
      error_percent = { kind = "whole", least = 1, most = 99, default = null }
    }
    logs = {
      level = { kind = "choice", choices = ["DEBUG", "INFO", "WARNING", "ERROR"], default = null }
    }
    scaling = {
      max                 = { kind = "whole", least = 1, most = 1000, default = null }
      utilization_percent = { kind = "whole", least = 10, most = 90, default = 70 }
    }
    scheduled_scaling = {
      expression = { kind = "text", pattern = "^(cron|rate|at)\\(.+\\)$" }
      timezone   = { kind = "text", most = 64, default = "UTC" }
      min        = { kind = "whole", least = 1, most = 1000 }
      max        = { kind = "whole", least = 1, most = 1000 }
    }
    permission = {
      actions   = { kind = "list", least = 1, items = { kind = "text", pattern = local.action } }
      resources = { kind = "list", least = 1, items = { kind = "text", pattern = local.resource } }
    }
    table = {
      key      = { kind = "text", most = 255 }
      sort_key = { kind = "text", most = 255, default = null }
      ttl      = { kind = "text", most = 255, default = null }
      indexes  = { kind = "mapping", items = { kind = "text", pattern = local.index_keys }, default = {} }
    }
    bucket = {
      events      = { kind = "flag", default = false }
      versioned   = { kind = "flag", default = false }
      expire_days = { kind = "whole", least = 1, most = 36500, default = null }
    }
  }

  # How names in mappings are written, where they are not those of resources.
  names = { environment = local.variable_name, indexes = local.index_name }

  defaults = { for name, keys in local.form : name => { for key, rule in keys : key => try(rule.default, null) } }
}
