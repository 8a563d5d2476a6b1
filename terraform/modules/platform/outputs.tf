output "bus" {
  description = "The bus, and where the events end that no worker takes or that the bus cannot deliver."
  value = {
    namespace         = var.namespace
    name              = local.bus.name
    arn               = local.bus.arn
    unmatched_queue   = one(module.bus[*].unmatched_queue)
    undelivered_queue = one(module.bus[*].undelivered_queue)
  }
}

output "topics" {
  description = "The domains' topics by source."
  value       = module.topic
}

output "workers" {
  description = "The workers by name."
  value       = module.worker
}

output "tables" {
  description = "The workers' tables: their names in AWS by the names in worker.yaml."
  value       = { for name, table in module.store.tables : name => table.name }
}

output "buckets" {
  description = "The workers' buckets: their names in AWS by the names in worker.yaml."
  value       = { for name, bucket in module.store.buckets : name => bucket.name }
}

output "alarm_topic" {
  description = "ARN of the topic that every alarm speaks to."
  value       = module.observability.alarm_topic
}

output "claims_bucket" {
  description = "The name of the bucket of the data of large events."
  value       = local.claims_bucket.name
}

output "outbox" {
  description = "The outbox's table, relay and undelivered queue; null when no worker has one."
  value       = one(module.outbox[*])
}

output "traffic" {
  description = "What `make deploy` shifts the workers' traffic by: the steps, the newest versions, those that take the events, and the alarms that speak against them."
  value = {
    region  = local.deployment.region
    steps   = var.traffic_shift.steps
    minutes = var.traffic_shift.minutes
    workers = {
      for name, worker in module.worker : name => {
        function = worker.function.name
        alias    = worker.function.alias
        version  = worker.function.version
        live     = worker.function.live
        alarms   = module.observability.worker_alarms[name]
      }
    }
  }
}

output "canary" {
  description = "The function that sends canaries by the clock, and its log group; null when there is none."
  value       = one(module.canary[*])
}

output "workflows" {
  description = "The workflows by name: the state machine, and the queue of what could not start it."
  value       = { for name, workflow in module.workflow : name => { arn = workflow.arn, undelivered_queue = workflow.undelivered_queue } }
}

output "web" {
  description = "The web functions by name."
  value       = module.web
}

output "router" {
  description = "The router: its load balancer's address, its image's repository, its service; null when there is none."
  value       = one(module.router[*])
}

output "operators" {
  description = "The journal's table, and the policies to give to people on call."
  value       = one(module.operators[*])
}

output "stack" {
  description = "What stands in this state, and what other stacks depend on of it: the workers' subscriptions, and the events that do not count as unmatched."
  value = {
    name          = coalesce(var.stack, "whole")
    subscriptions = { for name, worker in local.own : name => { via = worker.via, subscribes = [for it in worker.subscribes : { event = it.event, where = jsonencode(it.where) }] } }
    matched       = local.has.edge ? sort(flatten([for source, names in local.matched : [for name in names : "${source}/${name}"]])) : []
  }
}

output "console" {
  description = "The console's address, its function, and the roles that it assumes; null when there is none."
  value       = one(module.console[*])
}
