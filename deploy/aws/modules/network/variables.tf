variable "name" { type = string }
variable "region" { type = string }
variable "cidr" { type = string }
variable "nat_gateways" { type = number }
