# Two services behind one load balancer, a worker, a one-shot task, and their stores.
# docs/aws.md leads from an empty account to the first call.

data "aws_caller_identity" "here" {}
data "aws_partition" "here" {}

locals {
  issuer   = "https://${var.issuer_host}"
  resource = "https://${var.resource_host}${var.resource_path}"
  secrets  = module.secrets.arns

  arn_end = "${var.region}:${data.aws_caller_identity.here.account_id}"
  ports   = { auth-server = 8400, mcp-gateway = 8401 }

  # Each process reads its own port; only the collector in the same task reaches it.
  metrics_ports = { auth-server = 9464, mcp-gateway = 9465 }

  # The collector in the same task takes spans and sends them to X-Ray.
  spans   = "127.0.0.1:4318"
  tracing = jsonencode({ endpoint = "http://${local.spans}/v1/traces" })

  # Longer than the load balancer takes to notice, and than its idle timeout.
  serving = { LAME_DUCK_SECONDS = 15, FINISH_SECONDS = 15, IDLE_CONNECTION_SECONDS = 75 }

  # The files of deploy/aws/Dockerfile.
  config  = "/etc/gatepost/gatepost.yaml"
  ca_file = "/etc/gatepost/rds-ca.pem"

  auth_server_environment = merge(
    { for setting, value in local.serving : "GATEPOST_AUTH_${setting}" => tostring(value) },
    {
      GATEPOST_CONFIG               = local.config
      GATEPOST_AUTH_ISSUER          = local.issuer
      GATEPOST_AUTH_RESOURCES       = jsonencode([{ resource = local.resource }])
      GATEPOST_AUTH_DATABASE_URL    = module.data.database_url
      GATEPOST_AUTH_TRUSTED_PROXIES = "1"
      GATEPOST_AUTH_TRACING         = local.tracing
      GATEPOST_AUTH_METRICS_PORT    = tostring(local.metrics_ports["auth-server"])
    },
  )
  auth_server_secrets = merge(var.auth_server_secrets, {
    GATEPOST_AUTH_SECRET_KEY = local.secrets["secret-key"]
    GATEPOST_AUTH_REDIS_URL  = local.secrets["redis-url"]
    PGPASSWORD               = local.secrets["database-password"]
  })

  signing_key = "/var/lib/gatepost/signing-key.pem"
  mcp_gateway_environment = merge(
    { for setting, value in local.serving : "GATEPOST_MCP_${setting}" => tostring(value) },
    {
      GATEPOST_CONFIG           = local.config
      GATEPOST_MCP_RESOURCE     = local.resource
      GATEPOST_MCP_ISSUER       = local.issuer
      GATEPOST_MCP_SIGNING_KEY  = local.signing_key
      GATEPOST_MCP_REPLICAS     = tostring(var.tasks.min)
      GATEPOST_MCP_TRACING      = local.tracing
      GATEPOST_MCP_METRICS_PORT = tostring(local.metrics_ports["mcp-gateway"])
    },
  )
  mcp_gateway_secrets = merge(var.mcp_gateway_secrets, { GATEPOST_MCP_REDIS_URL = local.secrets["redis-url"] })
}

module "network" {
  source       = "./modules/network"
  name         = var.name
  region       = var.region
  cidr         = var.cidr
  nat_gateways = var.nat_gateways
}

module "traffic_logs" {
  source    = "./modules/traffic_logs"
  name      = var.name
  account   = data.aws_caller_identity.here.account_id
  region    = var.region
  partition = data.aws_partition.here.partition
  vpc_id    = module.network.vpc_id
  log_days  = var.log_days
  protect   = var.protect
}

module "data" {
  source                    = "./modules/data"
  name                      = var.name
  vpc_id                    = module.network.vpc_id
  subnets                   = module.network.private_subnets
  database_class            = var.database_class
  database_connections      = var.database_connections
  database_password         = var.database_password
  database_password_version = var.database_password_version
  redis_node                = var.redis_node
  redis_token               = module.secrets.redis_token
  ca_file                   = local.ca_file
  protect                   = var.protect
  log_days                  = var.log_days

  database_clients = {
    auth-server   = module.auth_server.security_group
    events-worker = module.events_worker.security_group
    one-shot      = module.one_shot.security_group
  }
  redis_clients = {
    auth-server   = module.auth_server.security_group
    events-worker = module.events_worker.security_group
    one-shot      = module.one_shot.security_group
    mcp-gateway   = module.mcp_gateway.security_group
  }
}

module "secrets" {
  source     = "./modules/secrets"
  name       = var.name
  redis_host = module.data.redis_host
}

module "edge" {
  source               = "./modules/edge"
  name                 = var.name
  vpc_id               = module.network.vpc_id
  subnets              = module.network.public_subnets
  certificate_arn      = module.names.certificate_arn
  own_addresses        = module.network.outside_addresses
  requests_per_address = var.requests_per_address
  protect              = var.protect
  access_logs          = var.access_logs ? module.traffic_logs.bucket : null

  routes = {
    auth-server = { port = local.ports["auth-server"], host = var.issuer_host, paths = ["/*"] }
    mcp-gateway = {
      port = local.ports["mcp-gateway"]
      host = var.resource_host
      # The endpoint, what leads a client to the authorization server, and what that server asks for.
      paths = [var.resource_path, "${var.resource_path}/*", "/.well-known/*", "/internal/catalogue"]
    }
  }
}

module "names" {
  source   = "./modules/names"
  hosts    = [var.issuer_host, var.resource_host]
  zone_id  = var.zone_id
  balancer = { dns_name = module.edge.balancer.dns_name, zone_id = module.edge.balancer.zone_id }
}

module "observability" {
  source             = "./modules/observability"
  name               = var.name
  region             = var.region
  account            = data.aws_caller_identity.here.account_id
  log_days           = var.log_days
  emails             = var.alarm_emails
  metrics_ports      = local.metrics_ports
  spans              = local.spans
  metrics_log_arn    = "arn:${data.aws_partition.here.partition}:logs:${local.arn_end}:log-group:/${var.name}/metrics:*"
  balancer_label     = module.edge.balancer.label
  target_labels      = { for name, target in module.edge.targets : name => target.label }
  firewall           = module.edge.firewall
  database_id        = module.data.database_id
  most_connections   = var.database_connections
  redis_id           = module.data.redis_id
  cluster_name       = aws_ecs_cluster.this.name
  service_names      = ["auth-server", "events-worker", "mcp-gateway"]
  service_arn_prefix = "arn:${data.aws_partition.here.partition}:ecs:${local.arn_end}:service/${var.name}"
  fewest_tasks       = var.tasks.min
}
