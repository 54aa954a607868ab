variable "name" {
  description = "Prefix of every resource's name, and of the secrets that exist before the first apply."
  type        = string
  default     = "gatepost"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,17}$", var.name))
    error_message = "name must have 2 to 18 lower-case letters, digits and hyphens: load balancers allow 32 characters."
  }
}

variable "region" {
  description = "The AWS region, such as us-east-1."
  type        = string
}

variable "issuer_host" {
  description = "The authorization server's public host name; the issuer is https:// and this name."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.issuer_host))
    error_message = "issuer_host must be a lower-case host name such as auth.example.com, without a scheme or path."
  }
}

variable "resource_host" {
  description = "The gateway's public host name; people enter https://, this name and resource_path in their app."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.resource_host))
    error_message = "resource_host must be a lower-case host name such as mcp.example.com, without a scheme or path."
  }

  validation {
    condition     = var.resource_host != var.issuer_host
    error_message = "resource_host must not be issuer_host: the sign-in's cookies must not reach the gateway."
  }
}

variable "resource_path" {
  description = "The path of the MCP endpoint."
  type        = string
  default     = "/mcp"

  validation {
    condition     = can(regex("^(/[a-z0-9-]+)+$", var.resource_path))
    error_message = "resource_path must begin with a slash and end without one, such as /mcp."
  }
}

variable "zone_id" {
  description = "The Route 53 hosted zone in which both host names lie."
  type        = string
}

variable "images" {
  description = "Images of both services with your configuration (deploy/aws/Dockerfile), by digest or by a tag that never moves."
  type        = object({ auth_server = string, mcp_gateway = string })

  validation {
    condition     = alltrue([for image in values(var.images) : can(regex("(@sha256:|:)[^/:]+$", image)) && !endswith(image, ":latest")])
    error_message = "images need a digest or a tag other than latest: a rollback runs the image that a task definition names."
  }
}

variable "collector_image" {
  description = "Image of the AWS Distro for OpenTelemetry Collector, by digest or by a tag that never moves; docs/aws.md says where it comes from."
  type        = string

  validation {
    condition     = can(regex("(@sha256:|:)[^/:]+$", var.collector_image)) && !endswith(var.collector_image, ":latest")
    error_message = "collector_image needs a digest or a tag other than latest: it runs beside every server."
  }
}

variable "database_password" {
  description = "The password in the secret NAME/database-password, at the first apply only; it stays out of the state."
  type        = string
  default     = null
  ephemeral   = true
  sensitive   = true
}

variable "database_password_version" {
  description = "Raise it to send database_password again."
  type        = number
  default     = 1
}

variable "auth_server_secrets" {
  description = "More secrets of the authorization server: variable to the secret's ARN, such as SMTP_PASSWORD for `password: {env: SMTP_PASSWORD}`."
  type        = map(string)
  default     = {}
}

variable "mcp_gateway_secrets" {
  description = "More secrets of the gateway: variable to the secret's ARN, such as GATEPOST_MCP_UPSTREAM_HEADERS."
  type        = map(string)
  default     = {}
}

variable "egress_ports" {
  description = "TCP ports that tasks may reach outside of this network. The gateway needs your API's, the authorization server SMTP and webhooks."
  type        = object({ auth_server = set(number), mcp_gateway = set(number) })
  default     = { auth_server = [443, 587], mcp_gateway = [443] }
}

variable "tasks" {
  description = "The fewest and the most tasks of each service."
  type        = object({ min = number, max = number })
  default     = { min = 2, max = 10 }

  validation {
    condition     = var.tasks.min >= 2 && var.tasks.max >= var.tasks.min
    error_message = "tasks.min must be 2 or more, so that one zone may fail, and tasks.max must not be less."
  }
}

variable "requests_per_target" {
  description = "Requests a minute and task above which a service gets more tasks."
  type        = object({ auth_server = number, mcp_gateway = number })
  default     = { auth_server = 1200, mcp_gateway = 30000 }
}

variable "cpu_architecture" {
  description = "The architecture of the images: X86_64, or ARM64, which costs a fifth less."
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.cpu_architecture)
    error_message = "cpu_architecture must be X86_64 or ARM64."
  }
}

variable "cidr" {
  description = "The network's addresses. Its /20 blocks become subnets."
  type        = string
  default     = "10.80.0.0/16"

  validation {
    condition     = can(cidrsubnet(var.cidr, 4, 15)) && try(tonumber(split("/", var.cidr)[1]) <= 20, false)
    error_message = "cidr must be an IPv4 block of at least a /20, such as 10.80.0.0/16."
  }
}

variable "nat_gateways" {
  description = "1, or 2 so that a failed zone leaves the other one's way out. Tasks need it to reach your API."
  type        = number
  default     = 1

  validation {
    condition     = contains([1, 2], var.nat_gateways)
    error_message = "nat_gateways must be 1 or 2."
  }
}

variable "database_class" {
  description = "The class of the PostgreSQL instance. Ten authorization servers open up to 200 connections, for which db.t4g.small is too small."
  type        = string
  default     = "db.t4g.small"
}

variable "database_connections" {
  description = "The most connections that PostgreSQL accepts; an alarm comes at four fifths. Each authorization server opens up to 20, and a worker 15. A change restarts the database."
  type        = number
  default     = 190

  validation {
    condition     = var.database_connections >= 100
    error_message = "database_connections must be 100 or more: two servers, the worker, commands and a roll-out share them."
  }
}

variable "redis_node" {
  description = "The class of the two nodes of Valkey."
  type        = string
  default     = "cache.t4g.micro"
}

variable "requests_per_address" {
  description = "Requests in five minutes above which the firewall refuses an address. Apps such as Claude call from few addresses for all their users."
  type        = number
  default     = 10000

  validation {
    condition     = var.requests_per_address >= 100
    error_message = "requests_per_address must be 100 or more."
  }
}

variable "alarm_emails" {
  description = "Addresses that get the alarms; each confirms once."
  type        = set(string)
  default     = []
}

variable "access_logs" {
  description = "Whether the load balancer logs each request with its URL. Invitations, and providers when people sign in, put secrets that work once into URLs."
  type        = bool
  default     = false
}

variable "log_days" {
  description = "How long CloudWatch and the bucket of traffic logs keep them."
  type        = number
  default     = 30
}

variable "protect" {
  description = "Whether the database and the load balancer refuse to be deleted, and the database leaves a snapshot."
  type        = bool
  default     = true
}
