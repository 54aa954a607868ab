variable "name" { type = string }
variable "image" { type = string }
variable "vpc_id" { type = string }
variable "cidr" { type = string }
variable "cpu_architecture" { type = string }
variable "log_days" { type = number }

variable "task" {
  description = "The task's own name, such as auth-server."
  type        = string
}

variable "command" {
  description = "The command of the main container."
  type        = list(string)
}

variable "port" {
  description = "The port of a server; null for tasks that serve nothing."
  type        = number
  default     = null
}

variable "cpu" {
  type    = number
  default = 512
}

variable "memory" {
  type    = number
  default = 1024
}

variable "stop_seconds" {
  description = "Seconds between SIGTERM and SIGKILL."
  type        = number
  default     = 90

  validation {
    condition     = var.stop_seconds <= 120
    error_message = "Fargate waits 120 seconds at most."
  }
}

variable "environment" {
  description = "Variables that anybody who may read task definitions sees."
  type        = map(string)
}

variable "secrets" {
  description = "Variables and the ARNs of their secrets."
  type        = map(string)
}

variable "secret_files" {
  description = "At most one file, by its path, with the ARN of its secret."
  type        = map(object({ secret = string }))
  default     = {}

  validation {
    condition     = length(var.secret_files) <= 1
    error_message = "The container that writes the file has room for one."
  }
}

variable "egress_ports" {
  description = "TCP ports that the task may reach anywhere."
  type        = set(number)
}

variable "data_ports" {
  description = "TCP ports that the task may reach in this network."
  type        = set(number)
}

variable "collector" {
  description = "The sidecar that sends metrics to CloudWatch and traces to X-Ray."
  type        = object({ image = string, config = string, policy = string })
  default     = null
}
