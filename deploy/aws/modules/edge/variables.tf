variable "name" { type = string }
variable "vpc_id" { type = string }
variable "subnets" { type = list(string) }
variable "certificate_arn" { type = string }
variable "protect" { type = bool }
variable "requests_per_address" { type = number }
variable "own_addresses" { type = list(string) }

variable "access_logs" {
  description = "The bucket for the log of requests, or null."
  type        = string
}

variable "routes" {
  description = "Services by name: the port of their tasks, and the host and at most four paths that lead to them."
  type        = map(object({ port = number, host = string, paths = list(string) }))

  validation {
    condition     = alltrue([for route in values(var.routes) : length(route.paths) <= 4])
    error_message = "A rule of a load balancer has five values: the host and four paths."
  }
}

variable "idle_seconds" {
  description = "How long a silent connection stays open; less than idle_connection_seconds of both services."
  type        = number
  default     = 60
}
