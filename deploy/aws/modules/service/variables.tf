variable "subnets" { type = list(string) }
variable "cluster" { type = object({ arn = string, name = string }) }

variable "task" {
  description = "The outputs of the module task."
  type        = object({ name = string, definition = string, port = number, security_group = string })
}

variable "tasks" {
  description = "The fewest and the most tasks; without a target, always the fewest."
  type        = object({ min = number, max = number })
}

variable "target" {
  description = "A target group of the module edge; null for tasks that serve nothing."
  type = object({
    group_arn           = string
    metric_label        = string
    security_group      = string
    requests_per_minute = number
  })
  default = null
}
