output "definition" {
  # With the revision, so that a new one is rolled out.
  value = aws_ecs_task_definition.this.arn

  # What the first task needs besides.
  depends_on = [
    aws_cloudwatch_log_group.this,
    aws_iam_role_policy.start,
    aws_vpc_security_group_egress_rule.data,
    aws_vpc_security_group_egress_rule.outside,
  ]
}

output "name" { value = var.task }
output "port" { value = var.port }
output "log_group" { value = aws_cloudwatch_log_group.this.name }
output "run_role" { value = aws_iam_role.run.name }
output "security_group" { value = aws_security_group.this.id }
