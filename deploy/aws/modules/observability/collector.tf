# The collector beside each task reads the metrics of docs/metrics.md that the alarms need, and sends
# traces that the service gives it to X-Ray.

locals {
  # CloudWatch charges by the metric: only these leave the task, with `service` as their only dimension.
  metrics = {
    for service in keys(var.metrics_ports) : service => distinct([
      for alarm in values(local.application_alarms) : alarm.metric if alarm.service == service
    ])
  }

  collector_config = {
    for service, port in var.metrics_ports : service => yamlencode({
      receivers = {
        otlp = { protocols = { http = { endpoint = var.spans } } }
        prometheus = {
          config = {
            scrape_configs = [{
              job_name        = "gatepost"
              scrape_interval = "60s"
              static_configs  = [{ targets = ["127.0.0.1:${port}"], labels = { service = service } }]
              metric_relabel_configs = [{
                source_labels = ["__name__"]
                regex         = join("|", local.metrics[service])
                action        = "keep"
              }]
            }]
          }
        }
      }
      processors = {
        memory_limiter = { check_interval = "1s", limit_mib = 100 }
        batch          = { timeout = "10s" }
      }
      exporters = {
        awsemf = {
          namespace               = local.namespace
          region                  = var.region
          log_group_name          = aws_cloudwatch_log_group.metrics.name
          log_stream_name         = service
          dimension_rollup_option = "NoDimensionRollup"
          metric_declarations     = [{ dimensions = [["service"]], metric_name_selectors = local.metrics[service] }]
        }
        awsxray = { region = var.region }
      }
      service = {
        pipelines = {
          metrics = { receivers = ["prometheus"], processors = ["memory_limiter", "batch"], exporters = ["awsemf"] }
          traces  = { receivers = ["otlp"], processors = ["memory_limiter", "batch"], exporters = ["awsxray"] }
        }
        telemetry = { logs = { level = "warn" } }
      }
    })
  }

  collector_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
        Resource = [var.metrics_log_arn]
      },
      # AWS knows no resources for these actions of X-Ray.
      {
        Effect   = "Allow"
        Action   = ["xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = ["*"]
      },
    ]
  })
}

resource "aws_cloudwatch_log_group" "metrics" {
  name              = "/${var.name}/metrics"
  retention_in_days = var.log_days
}
