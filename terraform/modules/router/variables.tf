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

variable "vpc" {
  description = "Where it all is: the VPC, the load balancer's subnets and their addresses, and the subnets of routers and functions, which reach AWS by NAT or endpoints."
  type = object({
    id                 = string
    public_cidr_blocks = list(string)
    public_subnet_ids  = set(string)
    private_subnet_ids = set(string)
  })

  validation {
    condition     = length(var.vpc.public_subnet_ids) >= 2
    error_message = "A load balancer needs subnets in two availability zones at least: give two public_subnet_ids."
  }
  validation {
    condition     = length(var.vpc.private_subnet_ids) >= 1
    error_message = "Routers and web functions need a subnet: give private_subnet_ids."
  }
  validation {
    condition     = length(var.vpc.public_cidr_blocks) >= 1 && alltrue([for block in var.vpc.public_cidr_blocks : can(cidrhost(block, 0))])
    error_message = "The router believes what the load balancer says of a client: give the addresses of the public subnets, public_cidr_blocks, as in 10.0.1.0/24."
  }
  validation {
    # A subnet has 16 to 28 bits (https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html), 44 to 64 in IPv6.
    condition     = alltrue([for block in var.vpc.public_cidr_blocks : try(tonumber(split("/", block)[1]) >= 16, false)])
    error_message = "A block of vpc.public_cidr_blocks is larger than a subnet can be: whoever is in it could forge a client's address."
  }
}

variable "image_tag" {
  description = "The tag of the router's image in its repository; tags are immutable."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", var.image_tag)) && var.image_tag != "latest"
    error_message = "Name the release by a tag of its own: latest would be another image tomorrow, and tags are immutable."
  }
}

variable "certificate_arn" {
  description = "The certificate (ACM) of the address that clients use."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+$", var.certificate_arn))
    error_message = "certificate_arn is the ARN of a certificate in ACM."
  }
}

variable "control_secret" {
  description = "The secret (Secrets Manager, full ARN) with the control channel's certificate: {\"certificate\": PEM, \"key\": PEM}; key_arn: of its KMS key, where that is not AWS's own."
  type = object({
    arn     = string
    key_arn = optional(string)
  })

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:.+-[A-Za-z0-9]{6}$", var.control_secret.arn))
    error_message = "control_secret.arn is the full ARN of a secret in Secrets Manager, with the six characters that AWS adds."
  }
}

variable "functions" {
  description = "The web functions by name, and what the router does with each: see router/fanout_router/config.py. minimum, maximum and spare are of each router."
  type = map(object({
    arn                  = string
    alias                = string
    timeout_s            = number
    reserved_concurrency = optional(number)
    host                 = optional(string, "")
    prefix               = optional(string, "/")
    channels             = optional(number, 10)
    minimum              = optional(number, 1)
    maximum              = optional(number, 100)
    spare                = optional(number, 0)
    open_timeout_s       = optional(number, 30)
  }))

  validation {
    condition     = length(var.functions) > 0
    error_message = "A router needs a web function to serve."
  }
  validation {
    condition     = alltrue([for name in keys(var.functions) : can(regex("^[a-z][a-z0-9-]{0,19}$", name))])
    error_message = "A web function's name has 1 to 20 of a-z, 0-9 and -, a letter first."
  }
  validation {
    condition     = alltrue([for function in var.functions : function.minimum <= function.maximum])
    error_message = "A function's minimum of environments is above its maximum."
  }
  validation {
    condition     = alltrue([for function in var.functions : function.timeout_s >= 60 && function.timeout_s <= 900])
    error_message = "An environment is drained 30 s before its function's timeout: timeout_s is 60 to 900."
  }
  validation {
    condition = alltrue([
      for function in var.functions : function.reserved_concurrency == null ? true : function.reserved_concurrency >= function.maximum * var.scaling.maximum
    ])
    error_message = "Each of scaling.maximum routers may ask for a function's maximum of environments: raise its reserved_concurrency, or invocations would be throttled."
  }
  validation {
    condition     = length(distinct([for function in var.functions : "${function.host} ${function.prefix}"])) == length(var.functions)
    error_message = "Two functions serve the same host and prefix."
  }
}

variable "task" {
  description = "A router's size, the architecture of its image, and the share of routers on Spot."
  type = object({
    cpu          = optional(number, 512)
    memory_mb    = optional(number, 1024)
    architecture = optional(string, "arm64")
    spot_percent = optional(number, 0)
  })
  default = {}

  validation {
    condition     = contains([256, 512, 1024], var.task.cpu)
    error_message = "A router is one process and uses one core at most: task.cpu is 256, 512 or 1024; for more, raise scaling.maximum."
  }
  validation {
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
    condition     = contains(lookup({ 256 = [512, 1024, 2048], 512 = [1024, 2048, 3072, 4096], 1024 = [2048, 3072, 4096, 5120, 6144, 7168, 8192] }, var.task.cpu, [var.task.memory_mb]), var.task.memory_mb)
    error_message = "Fargate has 512 to 2048 MB with 256 units of CPU, 1024 to 4096 with 512, 2048 to 8192 with 1024, in whole GB: change task.memory_mb."
  }
  validation {
    condition     = contains(["arm64", "x86_64"], var.task.architecture)
    error_message = "task.architecture is arm64 or x86_64, as the image was built for."
  }
  validation {
    condition     = var.task.spot_percent >= 0 && var.task.spot_percent <= 100 && floor(var.task.spot_percent) == var.task.spot_percent
    error_message = "task.spot_percent is a whole number from 0 to 100."
  }
}

variable "scaling" {
  description = "How many routers there are, and what another one is for: their CPU, or the mean time that a function's requests wait."
  type = object({
    minimum       = optional(number, 2)
    maximum       = optional(number, 4)
    cpu_percent   = optional(number, 60)
    queue_time_ms = optional(number, 250)
  })
  default = {}

  validation {
    condition     = var.scaling.minimum >= 1 && var.scaling.minimum <= var.scaling.maximum
    error_message = "scaling.minimum is 1 at least, and not above scaling.maximum."
  }
  validation {
    condition     = var.scaling.cpu_percent >= 10 && var.scaling.cpu_percent <= 90
    error_message = "scaling.cpu_percent is 10 to 90."
  }
  validation {
    condition     = var.scaling.queue_time_ms > 0 && 2 * var.scaling.queue_time_ms <= var.timeouts.queue_s * 1000
    error_message = "A request waits timeouts.queue_s at most: over half of that, scaling.queue_time_ms would never ring."
  }
}

variable "timeouts" {
  description = "In seconds: a request in the queue, to the first byte of its response, a connection without a byte, and what is under way when a router stops."
  type = object({
    queue_s    = optional(number, 10)
    response_s = optional(number, 30)
    idle_s     = optional(number, 60)
    drain_s    = optional(number, 45)
  })
  default = {}

  validation {
    condition     = var.timeouts.queue_s > 0 && var.timeouts.response_s > 0
    error_message = "timeouts.queue_s and timeouts.response_s are above 0."
  }
  validation {
    condition     = var.timeouts.idle_s > var.timeouts.queue_s + var.timeouts.response_s && var.timeouts.idle_s <= 4000
    error_message = "The load balancer would give a request up before the router answers 503 or 504: timeouts.idle_s is above queue_s + response_s, and 4000 at most."
  }
  validation {
    condition     = var.timeouts.drain_s >= var.timeouts.queue_s + var.timeouts.response_s
    error_message = "A router that stops would break off requests that it took: timeouts.drain_s is queue_s + response_s at least."
  }
  validation {
    condition     = var.timeouts.drain_s <= 110
    error_message = "Fargate kills a task 120 s after SIGTERM, and Spot gives two minutes: timeouts.drain_s is 110 at most."
  }
}

variable "client_cidrs" {
  description = "Who may reach the load balancer."
  type        = set(string)
  default     = ["0.0.0.0/0", "::/0"]

  validation {
    condition     = length(var.client_cidrs) > 0 && alltrue([for block in var.client_cidrs : can(cidrhost(block, 0))])
    error_message = "client_cidrs are blocks of addresses, such as 0.0.0.0/0."
  }
}

variable "internal" {
  description = "Give the load balancer addresses of the VPC only."
  type        = bool
  default     = false
}

variable "access_logs_bucket" {
  description = "The bucket for the load balancer's access logs, whose policy lets Elastic Load Balancing write; null: none."
  type        = string
  default     = null
}

variable "access_log" {
  description = "Log a line for each request in the router's own log."
  type        = bool
  default     = false
}

variable "alarm_actions" {
  description = "What else an alarm tells (ARN) when it rings."
  type        = set(string)
  default     = []
}

variable "ok_actions" {
  description = "What an alarm tells (ARN) when it is over; null: the topic, and alarm_actions."
  type        = set(string)
  default     = null
}

variable "alarm_topic" {
  description = "ARN of the topic that alarms speak to."
  type        = string
}

variable "error_rate_percent" {
  description = "The share of requests that may be answered with 5xx, in three of five minutes, before it is an alarm."
  type        = number
  default     = 5

  validation {
    condition     = var.error_rate_percent > 0 && var.error_rate_percent < 100
    error_message = "A share of failed requests is over 0 and under 100 percent."
  }
}

variable "log_retention_days" {
  description = "How long CloudWatch keeps the routers' logs."
  type        = number
  default     = 14
}

variable "protect" {
  description = "Refuse to delete the load balancer, and the repository with images in it."
  type        = bool
  default     = false
}

variable "security" {
  description = "The platform's own KMS key (ARN; null: keys of AWS)."
  type        = object({ key_arn = optional(string) })
  default     = {}
}
