locals {
  charts = [
    {
      title = "Requests a minute", stat = "Sum"
      metrics = [for name, label in var.target_labels :
        ["AWS/ApplicationELB", "RequestCount", "LoadBalancer", var.balancer_label, "TargetGroup", label, { label = name }]
      ]
    },
    {
      title = "Answers 5xx a minute", stat = "Sum"
      metrics = concat(
        [for name, label in var.target_labels :
          ["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "LoadBalancer", var.balancer_label, "TargetGroup", label, { label = name }]
        ],
        [["AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "LoadBalancer", var.balancer_label, { label = "load balancer" }]],
      )
    },
    {
      title = "Seconds until the answer, 95th percentile", stat = "p95"
      metrics = [for name, label in var.target_labels :
        ["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", var.balancer_label, "TargetGroup", label, { label = name }]
      ]
    },
    {
      title = "Healthy tasks", stat = "Minimum"
      metrics = [for name, label in var.target_labels :
        ["AWS/ApplicationELB", "HealthyHostCount", "LoadBalancer", var.balancer_label, "TargetGroup", label, { label = name }]
      ]
    },
    {
      title   = "Processor of the tasks in percent", stat = "Maximum"
      metrics = [for name in var.service_names : ["AWS/ECS", "CPUUtilization", "ClusterName", var.cluster_name, "ServiceName", name, { label = name }]]
    },
    {
      title   = "Memory of the tasks in percent", stat = "Maximum"
      metrics = [for name in var.service_names : ["AWS/ECS", "MemoryUtilization", "ClusterName", var.cluster_name, "ServiceName", name, { label = name }]]
    },
    {
      title = "Age of what waits in seconds", stat = "Maximum"
      metrics = [for alarm in values(local.application_alarms) :
        [local.namespace, alarm.metric, "service", alarm.service] if endswith(alarm.metric, "_seconds")
      ]
    },
    {
      title   = "Refused by the firewall a minute", stat = "Sum"
      metrics = [["AWS/WAFV2", "BlockedRequests", "WebACL", var.firewall, "Region", var.region, "Rule", "requests-per-address"]]
    },
    {
      title = "PostgreSQL: processor in percent, connections", stat = "Maximum"
      metrics = [for metric in ["CPUUtilization", "DatabaseConnections"] :
        ["AWS/RDS", metric, "DBInstanceIdentifier", var.database_id]
      ]
    },
    {
      title = "Valkey: memory and processor in percent", stat = "Maximum"
      metrics = [for pair in setproduct(["DatabaseMemoryUsagePercentage", "EngineCPUUtilization"], ["001", "002"]) :
        ["AWS/ElastiCache", pair[0], "CacheClusterId", "${var.redis_id}-${pair[1]}"]
      ]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [for place, chart in local.charts : {
      type   = "metric"
      x      = 12 * (place % 2)
      y      = 6 * floor(place / 2)
      width  = 12
      height = 6
      properties = {
        title   = chart.title
        stat    = chart.stat
        metrics = chart.metrics
        period  = 60
        region  = var.region
        view    = "timeSeries"
      }
    }]
  })
}
