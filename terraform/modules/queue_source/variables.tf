variable "deployment" {
  description = "What every name and ARN is made of."
  type = object({
    namespace            = string
    partition            = string
    region               = string
    account_id           = string
    permissions_boundary = optional(string)
    role_path            = optional(string, "/")
  })
}

variable "name" {
  description = "The source's name."
  type        = string

  validation {
    # The role's name, with namespace and suffix, has at most 64 characters.
    condition     = can(regex("^[a-z][a-z0-9-]{0,35}$", var.name))
    error_message = "The name of a queue's entry has 1 to 36 of a-z, 0-9 and -, a letter first."
  }
}

variable "queue" {
  description = "The queue to take messages from, which is not the platform's: its name, in the account and region of the deployment, or its ARN."
  type        = string

  validation {
    condition     = can(regex("^(arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:)?[A-Za-z0-9_-]{1,75}(\\.fifo)?$", var.queue))
    error_message = "queue is the name of a queue or its ARN."
  }
  validation {
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-source.html
    condition     = !startswith(var.queue, "arn:") || strcontains(var.queue, ":${var.deployment.region}:${var.deployment.account_id}:")
    error_message = "A pipe takes from queues of its own account and region, ${var.deployment.account_id} and ${var.deployment.region}: ${var.queue} is elsewhere."
  }
  validation {
    condition     = !startswith(reverse(split(":", var.queue))[0], "${var.deployment.namespace}-")
    error_message = "${var.queue} is a queue of this platform's own: subscribe a worker to its events instead."
  }
}

variable "event" {
  description = "What a message becomes: an event, <source>/<Name>, whose data are the message's body, a JSON object."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9.-]*/[A-Za-z][A-Za-z0-9]*$", var.event)) && !startswith(var.event, "aws.") && !startswith(var.event, "canary.")
    error_message = "A queue's event reads <source>/<Name>, and is none of AWS's."
  }
}

variable "schema_version" {
  description = "The version of the event's contract that the messages follow."
  type        = number
  default     = 1
}

variable "batch_size" {
  description = "Most messages that are taken and put at once."
  type        = number
  default     = 10

  validation {
    # PutEvents takes 10: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html
    condition     = var.batch_size >= 1 && var.batch_size <= 10 && floor(var.batch_size) == var.batch_size
    error_message = "batch_size is 1 to 10: PutEvents takes no more."
  }
}

variable "kms_key" {
  description = "The KMS key that the queue is encrypted with, if one of its owner's: its ARN, or alias/NAME in the deployment's account; null: SQS's own key, or none."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null || can(regex("^(arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-z0-9-]+|alias/[A-Za-z0-9/_-]+)$", var.kms_key))
    error_message = "kms_key is a key's ARN or alias/NAME."
  }
}

variable "bus_arn" {
  description = "The bus to put the events on."
  type        = string
}

variable "log_retention_days" {
  description = "How long CloudWatch keeps what the pipe says of failures."
  type        = number
  default     = 14
}

variable "security" {
  description = "The platform's own KMS key (ARN), with which the log is encrypted; null: a key of AWS."
  type        = object({ key_arn = optional(string) })
  default     = {}
}
