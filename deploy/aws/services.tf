# The cluster, its four kinds of tasks, and the services of three of them.

resource "aws_ecs_cluster" "this" {
  name = var.name
}

module "auth_server" {
  source           = "./modules/task"
  name             = var.name
  task             = "auth-server"
  image            = var.images.auth_server
  command          = ["gatepost", "auth-server", "serve", "--no-migrate", "--host", "0.0.0.0", "--port", tostring(local.ports["auth-server"])]
  port             = local.ports["auth-server"]
  environment      = local.auth_server_environment
  secrets          = local.auth_server_secrets
  vpc_id           = module.network.vpc_id
  cidr             = var.cidr
  egress_ports     = var.egress_ports.auth_server
  data_ports       = [5432, 6379]
  cpu_architecture = var.cpu_architecture
  log_days         = var.log_days
  collector        = merge({ image = var.collector_image }, module.observability.collectors["auth-server"])
}

module "mcp_gateway" {
  source           = "./modules/task"
  name             = var.name
  task             = "mcp-gateway"
  image            = var.images.mcp_gateway
  command          = ["gatepost", "mcp-gateway", "serve", "--host", "0.0.0.0", "--port", tostring(local.ports["mcp-gateway"])]
  port             = local.ports["mcp-gateway"]
  environment      = local.mcp_gateway_environment
  secrets          = local.mcp_gateway_secrets
  secret_files     = { (local.signing_key) = { secret = local.secrets["signing-key"] } }
  vpc_id           = module.network.vpc_id
  cidr             = var.cidr
  egress_ports     = var.egress_ports.mcp_gateway
  data_ports       = [6379]
  cpu_architecture = var.cpu_architecture
  log_days         = var.log_days
  collector        = merge({ image = var.collector_image }, module.observability.collectors["mcp-gateway"])
}

module "events_worker" {
  source           = "./modules/task"
  name             = var.name
  task             = "events-worker"
  image            = var.images.auth_server
  command          = ["gatepost", "auth-server", "events-worker"]
  cpu              = 256
  memory           = 512
  environment      = local.auth_server_environment
  secrets          = local.auth_server_secrets
  vpc_id           = module.network.vpc_id
  cidr             = var.cidr
  egress_ports     = [443]
  data_ports       = [5432, 6379]
  cpu_architecture = var.cpu_architecture
  log_days         = var.log_days
}

# Migrates by default; `deploy/aws/run` gives it another command of `gatepost`.
module "one_shot" {
  source           = "./modules/task"
  name             = var.name
  task             = "one-shot"
  image            = var.images.auth_server
  command          = ["gatepost", "auth-server", "migrate"]
  environment      = local.auth_server_environment
  secrets          = local.auth_server_secrets
  vpc_id           = module.network.vpc_id
  cidr             = var.cidr
  egress_ports     = var.egress_ports.auth_server
  data_ports       = [5432, 6379]
  cpu_architecture = var.cpu_architecture
  log_days         = var.log_days
}

locals {
  cluster = { arn = aws_ecs_cluster.this.arn, name = aws_ecs_cluster.this.name }
  # What `deploy/aws/run` needs.
  one_shot = join(" ", [
    var.region, aws_ecs_cluster.this.name, module.one_shot.definition, module.one_shot.name,
    join(",", module.network.private_subnets), module.one_shot.security_group, module.one_shot.log_group,
  ])
}

# Runs before the services get the new image. If it fails, so does the apply, and the former release
# goes on. It needs the AWS command line where Terraform runs.
resource "terraform_data" "migration" {
  triggers_replace = [var.images.auth_server]

  provisioner "local-exec" {
    command     = "${path.module}/run auth-server migrate"
    environment = { ONE_SHOT = local.one_shot }
  }

  depends_on = [module.data, module.network]
}

module "auth_server_service" {
  source  = "./modules/service"
  cluster = local.cluster
  subnets = module.network.private_subnets
  task    = module.auth_server
  tasks   = var.tasks
  target  = merge(module.edge.targets["auth-server"], { requests_per_minute = var.requests_per_target.auth_server })

  depends_on = [terraform_data.migration]
}

module "mcp_gateway_service" {
  source  = "./modules/service"
  cluster = local.cluster
  subnets = module.network.private_subnets
  task    = module.mcp_gateway
  tasks   = var.tasks
  target  = merge(module.edge.targets["mcp-gateway"], { requests_per_minute = var.requests_per_target.mcp_gateway })

  # A gateway is ready once it has the issuer's keys, which it fetches by the public name.
  depends_on = [module.auth_server_service, module.data, module.names, module.network]
}

module "events_worker_service" {
  source  = "./modules/service"
  cluster = local.cluster
  subnets = module.network.private_subnets
  task    = module.events_worker
  tasks   = { min = 1, max = 1 }

  depends_on = [terraform_data.migration]
}
