variable "name" { type = string }
variable "account" { type = string }
variable "region" { type = string }
variable "partition" { type = string }
variable "vpc_id" { type = string }
variable "log_days" { type = number }
variable "protect" { type = bool }
