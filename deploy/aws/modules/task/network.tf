# Nothing reaches a task, unless the module service adds the load balancer.

resource "aws_security_group" "this" {
  name        = local.full_name
  description = "Tasks ${var.task}"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "outside" {
  for_each          = toset([for port in var.egress_ports : tostring(port)])
  security_group_id = aws_security_group.this.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = tonumber(each.key)
  to_port           = tonumber(each.key)
}

resource "aws_vpc_security_group_egress_rule" "data" {
  for_each          = toset([for port in var.data_ports : tostring(port)])
  security_group_id = aws_security_group.this.id
  description       = "PostgreSQL or Valkey in this network"
  cidr_ipv4         = var.cidr
  ip_protocol       = "tcp"
  from_port         = tonumber(each.key)
  to_port           = tonumber(each.key)
}
