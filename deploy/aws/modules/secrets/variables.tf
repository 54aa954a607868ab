variable "name" { type = string }
variable "redis_host" { type = string }
