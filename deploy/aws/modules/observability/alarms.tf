# Alarms in minutes of trouble. Those of the application have the thresholds of
# deploy/observability/alerts.yaml, which explains what to do. Two of them, one for each service, also
# notice that its collectors are silent: the others would stay green.

locals {
  namespace = "Gatepost/${var.name}"

  application_alarms = {
    call-events-wait = {
      metric  = "gatepost_redis_stream_oldest_seconds"
      service = "mcp-gateway", statistic = "Maximum", above = 300, minutes = 5
      text    = "Call events wait in Redis: look at the task events-worker and the database."
    }
    call-events-wait-in-spools = {
      metric  = "gatepost_call_events_oldest_seconds"
      service = "mcp-gateway", statistic = "Maximum", above = 300, minutes = 5
      text    = "Call events wait in a gateway's spool, which ends with its task: look at Redis. Without data, no collector of the gateways reports."
      missing = "breaching"
    }
    call-events-lost = {
      metric  = "gatepost_call_events_lost_total"
      service = "mcp-gateway", statistic = "Sum", above = 0, minutes = 1
      text    = "A gateway lost call events, because its spool is full or broken."
    }
    calls-not-counted = {
      metric  = "gatepost_calls_uncounted_total"
      service = "mcp-gateway", statistic = "Sum", above = 0, minutes = 1
      text    = "Calls passed that could not be counted against quotas: look at Redis."
    }
    revocations-stale = {
      metric  = "gatepost_revocation_feed_age_seconds"
      service = "mcp-gateway", statistic = "Maximum", above = 120, minutes = 2
      text    = "A gateway has not heard of revocations for two minutes."
    }
    usage-not-exported = {
      metric  = "gatepost_usage_oldest_unexported_seconds"
      service = "auth-server", statistic = "Maximum", above = 86400, minutes = 10
      text    = "Usage older than a day is not confirmed: `gatepost usage exports` shows why."
    }
    books-differ = {
      metric  = "gatepost_billing_discrepancies"
      service = "auth-server", statistic = "Maximum", above = 0, minutes = 10
      text    = "The ledger and what is added up from it disagree: `gatepost usage books` shows where."
    }
    mails-wait = {
      metric  = "gatepost_mails_oldest_seconds"
      service = "auth-server", statistic = "Maximum", above = 900, minutes = 5
      text    = "A mail has waited for 15 minutes: look at the SMTP server. Without data, no collector of the authorization servers reports."
      missing = "breaching"
    }
  }

  balancer = { LoadBalancer = var.balancer_label }

  alarms = merge(
    {
      for name, alarm in local.application_alarms : name => {
        namespace = local.namespace, metric = alarm.metric, dimensions = { service = alarm.service }
        statistic = alarm.statistic, comparison = "GreaterThanThreshold", threshold = alarm.above
        minutes   = alarm.minutes, missing = try(alarm.missing, "notBreaching"), text = alarm.text
      }
    },
    {
      for name, label in var.target_labels : "${name}-5xx" => {
        namespace  = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count"
        dimensions = merge(local.balancer, { TargetGroup = label })
        statistic  = "Sum", comparison = "GreaterThanThreshold", threshold = 5
        minutes    = 5, missing = "notBreaching"
        text       = "The service ${name} answers more than five requests a minute with 5xx."
      }
    },
    {
      for name, label in var.target_labels : "${name}-few-tasks" => {
        namespace  = "AWS/ApplicationELB", metric = "HealthyHostCount"
        dimensions = merge(local.balancer, { TargetGroup = label })
        statistic  = "Minimum", comparison = "LessThanThreshold", threshold = var.fewest_tasks
        minutes    = 5, missing = "breaching"
        text       = "The service ${name} has fewer than ${var.fewest_tasks} healthy tasks."
      }
    },
    {
      balancer-5xx = {
        namespace = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", dimensions = local.balancer
        statistic = "Sum", comparison = "GreaterThanThreshold", threshold = 5
        minutes   = 5, missing = "notBreaching"
        text      = "The load balancer finds no task that answers, or loses connections to them."
      }
      database-cpu = {
        namespace = "AWS/RDS", metric = "CPUUtilization", dimensions = { DBInstanceIdentifier = var.database_id }
        statistic = "Average", comparison = "GreaterThanThreshold", threshold = 80
        minutes   = 15, missing = "breaching", text = "PostgreSQL has been busy for 15 minutes."
      }
      database-connections = {
        namespace = "AWS/RDS", metric = "DatabaseConnections", dimensions = { DBInstanceIdentifier = var.database_id }
        statistic = "Maximum", comparison = "GreaterThanThreshold", threshold = floor(var.most_connections * 0.8)
        minutes   = 5, missing = "breaching"
        text      = "PostgreSQL has nearly as many connections as it accepts: choose a larger class and database_connections, or fewer tasks."
      }
      database-storage = {
        namespace = "AWS/RDS", metric = "FreeStorageSpace", dimensions = { DBInstanceIdentifier = var.database_id }
        statistic = "Minimum", comparison = "LessThanThreshold", threshold = 2 * 1024 * 1024 * 1024
        minutes   = 5, missing = "breaching", text = "PostgreSQL has less than 2 GiB of storage left."
      }
    },
    {
      for node in ["001", "002"] : "redis-memory-${node}" => {
        namespace  = "AWS/ElastiCache", metric = "DatabaseMemoryUsagePercentage"
        dimensions = { CacheClusterId = "${var.redis_id}-${node}" }
        statistic  = "Maximum", comparison = "GreaterThanThreshold", threshold = 75
        minutes    = 5, missing = "breaching"
        text       = "Redis is three quarters full. Once it is full, calls can't be counted."
      }
    },
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = local.alarms
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.text
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = 60
  evaluation_periods  = each.value.minutes
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# --- the nightly back-up --------------------------------------------------------------------------
# RDS tells only of back-ups that ended well. Their events go to a log, and the alarm counts them.
resource "aws_cloudwatch_event_rule" "backup" {
  name        = "${var.name}-backup"
  description = "RDS has backed the database up"
  event_pattern = jsonencode({
    source      = ["aws.rds"]
    detail-type = ["RDS DB Instance Event"]
    detail      = { EventID = ["RDS-EVENT-0002"], SourceIdentifier = [var.database_id] }
  })
}

resource "aws_cloudwatch_log_group" "backup" {
  name              = "/aws/events/${var.name}-backup"
  retention_in_days = var.log_days
}

resource "aws_cloudwatch_log_resource_policy" "backup" {
  policy_name = "${var.name}-backup"
  policy_document = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = ["events.amazonaws.com", "delivery.logs.amazonaws.com"] }
      Action    = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource  = "${aws_cloudwatch_log_group.backup.arn}:*"
    }]
  })
}

resource "aws_cloudwatch_event_target" "backup" {
  rule = aws_cloudwatch_event_rule.backup.name
  arn  = aws_cloudwatch_log_group.backup.arn

  depends_on = [aws_cloudwatch_log_resource_policy.backup]
}

resource "aws_cloudwatch_metric_alarm" "backup" {
  alarm_name          = "${var.name}-backup-missing"
  alarm_description   = "RDS has not backed the database up for two days. Until the first night after the first apply, this alarm is expected."
  namespace           = "AWS/Events"
  metric_name         = "Invocations"
  dimensions          = { RuleName = aws_cloudwatch_event_rule.backup.name }
  statistic           = "Sum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 86400
  evaluation_periods  = 2
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# --- a release that was taken back ----------------------------------------------------------------
resource "aws_cloudwatch_event_rule" "rollback" {
  name        = "${var.name}-rollback"
  description = "A release of a service failed, and ECS takes it back"
  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Deployment State Change"]
    resources   = [{ prefix = "${var.service_arn_prefix}/" }]
    detail      = { eventName = ["SERVICE_DEPLOYMENT_FAILED"] }
  })
}

resource "aws_cloudwatch_event_target" "rollback" {
  rule = aws_cloudwatch_event_rule.rollback.name
  arn  = aws_sns_topic.alarms.arn
}

# --- who hears of it ------------------------------------------------------------------------------
resource "aws_sns_topic" "alarms" {
  name = "${var.name}-alarms"
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = ["cloudwatch.amazonaws.com", "events.amazonaws.com"] }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms.arn
      Condition = { StringEquals = { "aws:SourceAccount" = var.account } }
    }]
  })
}

resource "aws_sns_topic_subscription" "email" {
  for_each  = var.emails
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.key
}
