# Tasks that run all the time: replaced one after another, and more of them when there is more to do.

resource "aws_ecs_service" "this" {
  name            = var.task.name
  cluster         = var.cluster.arn
  task_definition = var.task.definition
  desired_count   = var.tasks.min
  launch_type     = "FARGATE"

  # New tasks pass their health checks before old ones stop.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  availability_zone_rebalancing      = "ENABLED"
  health_check_grace_period_seconds  = var.target == null ? null : 60
  propagate_tags                     = "SERVICE"
  wait_for_steady_state              = true

  # A release whose tasks don't become healthy is taken back.
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.subnets
    security_groups  = [var.task.security_group]
    assign_public_ip = false
  }

  dynamic "load_balancer" {
    for_each = var.target == null ? [] : [var.target]
    content {
      target_group_arn = load_balancer.value.group_arn
      container_name   = var.task.name
      container_port   = var.task.port
    }
  }

  lifecycle {
    ignore_changes = [desired_count]
  }
}

# --- only the load balancer reaches the tasks -----------------------------------------------------
resource "aws_vpc_security_group_ingress_rule" "from_balancer" {
  count                        = var.target == null ? 0 : 1
  security_group_id            = var.task.security_group
  referenced_security_group_id = var.target.security_group
  description                  = "The load balancer"
  ip_protocol                  = "tcp"
  from_port                    = var.task.port
  to_port                      = var.task.port
}

resource "aws_vpc_security_group_egress_rule" "balancer_to_tasks" {
  count                        = var.target == null ? 0 : 1
  security_group_id            = var.target.security_group
  referenced_security_group_id = var.task.security_group
  description                  = var.task.name
  ip_protocol                  = "tcp"
  from_port                    = var.task.port
  to_port                      = var.task.port
}

# --- as many tasks as the requests need -----------------------------------------------------------
resource "aws_appautoscaling_target" "this" {
  count              = var.target == null ? 0 : 1
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${var.cluster.name}/${aws_ecs_service.this.name}"
  min_capacity       = var.tasks.min
  max_capacity       = var.tasks.max
}

resource "aws_appautoscaling_policy" "requests" {
  count              = var.target == null ? 0 : 1
  name               = "requests-per-target"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this[0].service_namespace
  scalable_dimension = aws_appautoscaling_target.this[0].scalable_dimension
  resource_id        = aws_appautoscaling_target.this[0].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.target.requests_per_minute
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = "ALBRequestCountPerTarget"
      resource_label         = var.target.metric_label
    }
  }
}
