variable "hosts" { type = list(string) }
variable "zone_id" { type = string }
variable "balancer" { type = object({ dns_name = string, zone_id = string }) }
