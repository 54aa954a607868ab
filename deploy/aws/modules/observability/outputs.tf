output "collectors" {
  description = "The configuration and the permissions of the sidecar, by service."
  value       = { for service, config in local.collector_config : service => { config = config, policy = local.collector_policy } }
}

output "topic" { value = aws_sns_topic.alarms.arn }
