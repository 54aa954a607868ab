output "mcp_url" {
  description = "The address that people enter in their app, for `gatepost smoke`."
  value       = local.resource
}

output "issuer" { value = local.issuer }

output "outside_addresses" {
  description = "The addresses from which the gateway calls your API, for its firewall."
  value       = module.network.outside_addresses
}

output "run_roles" {
  description = "The roles of the code, for permissions such as aws-marketplace:BatchMeterUsage."
  value       = { auth-server = module.auth_server.run_role, mcp-gateway = module.mcp_gateway.run_role }
}

output "alarm_topic" { value = module.observability.topic }

output "one_shot" {
  description = "What deploy/aws/run needs."
  value       = local.one_shot
}
