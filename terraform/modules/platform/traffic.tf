# With steps, an apply publishes new code and leaves the events to the old: nobody is to believe that it has deployed.

locals {
  in_steps = length(var.traffic_shift.steps) > 0
  waiting  = [for name, worker in module.worker : name if worker.function.version != worker.function.live]
}

check "traffic" {
  assert {
    condition     = local.in_steps ? length(local.waiting) == 0 : true
    error_message = "New code of ${join(", ", local.waiting)} is published and gets no events yet: `make deploy` shifts them to it, by the steps of traffic_shift."
  }
}
