variable "name" { type = string }
variable "region" { type = string }
variable "account" { type = string }
variable "log_days" { type = number }
variable "emails" { type = set(string) }
variable "balancer_label" { type = string }
variable "firewall" { type = string }
variable "database_id" { type = string }
variable "most_connections" { type = number }
variable "redis_id" { type = string }
variable "cluster_name" { type = string }
variable "fewest_tasks" { type = number }

variable "metrics_ports" {
  description = "The port of each service's metrics, which only its own task reaches."
  type        = map(number)
}

variable "spans" {
  description = "The address at which the collector takes spans as OTLP over HTTP."
  type        = string
}

variable "metrics_log_arn" {
  description = "The log group of the metrics, with its streams."
  type        = string
}

variable "target_labels" {
  description = "The label of each service's target group."
  type        = map(string)
}

variable "service_names" { type = list(string) }

variable "service_arn_prefix" {
  description = "The beginning of the ARNs of the cluster's services."
  type        = string
}
