# What the keys of one file forbid together, asked of the files that keep the form.

locals {
  sound = {
    for folder, worker in local.filled : folder => worker
    if local.is_yaml[folder] && !contains(local.form_problems[*].folder, folder)
  }
  rule_problems = flatten([
    for folder, worker in local.sound : [
      for rule in concat(
        local.key_rules[folder], local.scaling_rules[folder], local.store_rules[folder], local.subscription_rules[folder], local.event_rules[folder],
      ) :
      { folder = folder, text = rule.text } if rule.broken
    ]
  ])

  key_rules = {
    for folder, worker in local.sound : folder => [
      {
        broken = worker.queue.fifo && worker.batch.size > 10
        text   = "batch.size: ${worker.batch.size}: a FIFO queue delivers at most 10 records a batch; write 10 or less"
      },
      {
        broken = !worker.queue.fifo && worker.batch.size > 10 && worker.batch.window_s < 1
        text   = "batch.window_s: ${worker.batch.window_s}: a batch.size over 10 needs a window; write 1 or more"
      },
      {
        broken = try(worker.batch.record_timeout_s > worker.function.timeout_s, false)
        text = try(join(" ", [
          "batch.record_timeout_s: ${worker.batch.record_timeout_s}: is over function.timeout_s",
          "${worker.function.timeout_s}; write ${worker.function.timeout_s} or less",
        ]), "")
      },
      {
        broken = worker.queue.fifo && worker.batch.window_s > 0
        text   = "batch.window_s: ${worker.batch.window_s}: a FIFO queue has no batch window; write 0"
      },
      {
        broken = local.visibility[folder] < local.least_visibility[folder]
        text = join(" ", [
          "queue.visibility_s: ${local.visibility[folder]}: must be at least 6 x function.timeout_s + batch.window_s",
          "= ${local.least_visibility[folder]}; write ${local.least_visibility[folder]} or more, or leave it out",
        ])
      },
      {
        broken = worker.queue.fifo && worker.via != "bus"
        text   = "via: ${worker.via}: a standard SNS topic cannot deliver to a FIFO queue; write bus"
      },
      {
        broken = worker.slo.age_s >= worker.queue.retention_days * 86400
        text = join(" ", [
          "slo.age_s: ${worker.slo.age_s}: is not under queue.retention_days ${worker.queue.retention_days},",
          "so that events would be lost before the alarm; write less than ${worker.queue.retention_days * 86400}",
        ])
      },
      {
        broken = try(worker.idempotency.mode != "off" && worker.idempotency.ttl_hours < 24 * (worker.queue.retention_days + 14), false)
        text = try(join(" ", [
          "idempotency.ttl_hours: ${worker.idempotency.ttl_hours}: is under queue.retention_days",
          "${worker.queue.retention_days} + 14 days of the DLQ, so that an event that comes back would be handled again;",
          "write ${24 * (worker.queue.retention_days + 14)} or more, or leave it out",
        ]), "")
      },
      {
        broken = worker.idempotency.mode != "off" && local.backstop[folder] < 2 * worker.queue.max_receives + 1
        text = join(" ", [
          "queue.max_receives: ${worker.queue.max_receives}: in 3/4 of queue.retention_days",
          "${worker.queue.retention_days} a message comes back ${local.backstop[folder]} times at most, and tries need",
          "2 x ${worker.queue.max_receives} + 1; write less, raise queue.retention_days, or lower the time-outs",
        ])
      },
      {
        broken = worker.idempotency.mode == "off" && worker.queue.max_receives > local.receives_in_time[folder]
        text = join(" ", [
          "queue.max_receives: ${worker.queue.max_receives}: in 3/4 of queue.retention_days",
          "${worker.queue.retention_days} a message comes back ${local.receives_in_time[folder]} times at most, and would",
          "be deleted before it is in the DLQ; write ${local.receives_in_time[folder]} or less, raise",
          "queue.retention_days, or lower the time-outs",
        ])
      },
      {
        broken = worker.idempotency.mode == "off" && try(length(worker.idempotency.key) > 0, false)
        text   = "idempotency.key: tells events apart in the store, of which mode: off has none; leave it out"
      },
      {
        broken = worker.queue.fifo && worker.gathers
        text   = "gathers: true: a FIFO queue cannot delay the message of a deadline; write queue.fifo: false"
      },
      {
        broken = worker.retry.cap_s < worker.retry.base_s
        text   = "retry.cap_s: ${worker.retry.cap_s}: is under retry.base_s ${worker.retry.base_s}; raise it"
      },
      {
        broken = try(worker.batch.max_concurrency > worker.function.reserved_concurrency, false)
        text = try(join(" ", [
          "batch.max_concurrency: ${worker.batch.max_concurrency}: is over function.reserved_concurrency",
          "${worker.function.reserved_concurrency}, so that throttled batches would end in the DLQ;",
          "write ${worker.function.reserved_concurrency} or less",
        ]), "")
      },
      {
        broken = try(worker.function.provisioned_concurrency > worker.function.reserved_concurrency, false)
        text = try(join(" ", [
          "function.provisioned_concurrency: ${worker.function.provisioned_concurrency}: is over",
          "function.reserved_concurrency ${worker.function.reserved_concurrency};",
          "write ${worker.function.reserved_concurrency} or less",
        ]), "")
      },
      # https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html
      {
        broken = worker.function.snap_start && worker.function.provisioned_concurrency > 0
        text   = "function.snap_start: true: Lambda takes it not with function.provisioned_concurrency; leave one out"
      },
      {
        broken = worker.function.snap_start && worker.function.ephemeral_storage_mb > 512
        text = join(" ", [
          "function.snap_start: true: Lambda takes it not with a function.ephemeral_storage_mb over 512,",
          "which is ${worker.function.ephemeral_storage_mb}; write 512, or leave snap_start out",
        ])
      },
      # https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
      {
        broken = worker.owner == null ? false : !can(regex("^[A-Za-z0-9 _.:/=+@-]+$", worker.owner))
        text   = "owner: ${coalesce(worker.owner, "-")}: is a tag of what the worker has; write letters, digits, blanks and _ . : / = + - @ alone"
      },
      {
        broken = worker.outbox && length(worker.publishes) == 0
        text   = "outbox: true: the relay has to know the ways of its events; name them under publishes"
      },
    ]
  }

  # What a worker scales to: key => the most provisioned concurrency.
  scaled = {
    for folder, worker in local.sound : folder => merge(
      worker.scaling.max == null ? {} : { "scaling.max" = worker.scaling.max },
      { for name, it in worker.scaling_schedule : "scaling_schedule.${name}.max" => it.max },
    )
  }
  scaling_rules = {
    for folder, worker in local.sound : folder => concat(
      [
        for key, value in local.scaled[folder] : {
          broken = worker.function.provisioned_concurrency < 1
          text = join(" ", [
            "${key}: ${value}: scales function.provisioned_concurrency, which is 0;",
            "write function.provisioned_concurrency: 1 or more",
          ])
        }
      ],
      [
        for key, value in local.scaled[folder] : {
          broken = try(value > worker.function.reserved_concurrency, false)
          text = try(join(" ", [
            "${key}: ${value}: is over function.reserved_concurrency ${worker.function.reserved_concurrency};",
            "write ${worker.function.reserved_concurrency} or less",
          ]), "")
        }
      ],
      [{
        broken = try(worker.scaling.max < worker.function.provisioned_concurrency, false)
        text = try(join(" ", [
          "scaling.max: ${worker.scaling.max}: is under function.provisioned_concurrency",
          "${worker.function.provisioned_concurrency}; write ${worker.function.provisioned_concurrency} or more",
        ]), "")
      }],
      [
        for name, it in worker.scaling_schedule : {
          broken = it.max < it.min
          text   = "scaling_schedule.${name}.max: ${it.max}: is under min ${it.min}; write ${it.min} or more"
        }
      ],
    )
  }

  store_rules = {
    for folder, worker in local.sound : folder => concat(
      [
        for name in ["gather", "idempotency", "operations", "outbox"] : {
          broken = contains(keys(worker.tables), name)
          text   = "tables.${name}: is the name of a table of the platform's own; rename it"
        }
      ],
      [
        for name in keys(worker.tables) : {
          broken = endswith(name, "-idempotency") || endswith(name, "-gather")
          text   = "tables.${name}: ends as a table of the platform's own; rename it"
        }
      ],
      [
        for name in ["claims", "packages"] : {
          broken = contains(keys(worker.buckets), name)
          text   = "buckets.${name}: is the name of a bucket of the platform's own; rename it"
        }
      ],
      # https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-parameter-name-constraints.html
      [
        for name, at in worker.parameters : {
          broken = startswith(lower(at), "/aws") || startswith(lower(at), "/ssm")
          text   = "parameters.${name}: ${at}: begins as names of AWS's own do; rename it"
        }
      ],
      # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
      [
        for name in keys(worker.environment) : {
          broken = can(regex("^(AWS|BUCKET|FANOUT|LAMBDA|PARAMETER|POWERTOOLS|SECRET|TABLE)_", name))
          text   = "environment.${name}: begins as names of AWS's or the platform's own do; rename it"
        }
      ],
    )
  }

  subscription_rules = {
    for folder, worker in local.sound : folder => concat(
      [
        for index, event in worker.subscribes[*].event : {
          broken = index(worker.subscribes[*].event, event) < index
          text   = "subscribes.${index}.event: ${event}: is subscribed twice; keep one and join the conditions with $or"
        }
      ],
      [
        for index, event in worker.subscribes[*].event : {
          broken = event == "*" && worker.via != "bus"
          text   = "subscribes.${index}.event: *: every event can only be had from the bus; write via: bus"
        }
      ],
      [{
        broken = contains(worker.subscribes[*].event, "*") && length(distinct(worker.subscribes[*].event)) > 1
        text   = "subscribes: * takes every event already; remove the others"
      }],
    )
  }

  events = toset([
    for file in fileset(var.contracts_dir, "*/*.v*.json") : replace(file, "/\\.v[0-9]+\\.json$/", "")
  ])
  event_rules = {
    for folder, worker in local.sound : folder => [
      for key, event in merge(
        { for index, event in worker.subscribes[*].event : "subscribes.${index}.event" => event if event != "*" },
        { for index, event in worker.publishes : "publishes.${index}" => event },
        ) : {
        broken = !contains(local.events, event)
        text   = "${key}: ${event}: no such event; declare it in the contracts or correct the name"
      }
    ]
  }
}
