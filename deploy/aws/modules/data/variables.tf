variable "name" { type = string }
variable "vpc_id" { type = string }
variable "subnets" { type = list(string) }
variable "database_class" { type = string }
variable "database_connections" { type = number }
variable "redis_node" { type = string }
variable "protect" { type = bool }
variable "log_days" { type = number }

variable "database_clients" {
  description = "Names of tasks and their security groups."
  type        = map(string)
}

variable "redis_clients" {
  description = "Names of tasks and their security groups."
  type        = map(string)
}

variable "database_password" {
  type      = string
  ephemeral = true
  sensitive = true
}

variable "database_password_version" { type = number }

variable "redis_token" {
  type      = string
  sensitive = true
}

variable "ca_file" {
  description = "The file in the image with the certificates that signed the database's."
  type        = string
}
