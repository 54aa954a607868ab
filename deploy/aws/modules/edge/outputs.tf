output "balancer" {
  value = {
    dns_name = aws_lb.this.dns_name
    zone_id  = aws_lb.this.zone_id
    label    = aws_lb.this.arn_suffix
  }
}

output "targets" {
  description = "What a service needs to be a target, by route."
  value = {
    for name, group in aws_lb_target_group.this : name => {
      # Through the rule: ECS refuses a group that no load balancer uses.
      group_arn      = one(aws_lb_listener_rule.this[name].action).target_group_arn
      metric_label   = "${aws_lb.this.arn_suffix}/${group.arn_suffix}"
      label          = group.arn_suffix
      security_group = aws_security_group.balancer.id
    }
  }
}

output "firewall" { value = aws_wafv2_web_acl.this.name }
