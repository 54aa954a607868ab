# Plans the whole deployment with a mocked provider: no account and no network are needed.

mock_provider "aws" {
  # So that a plan knows the policies and containers that contain these values.
  override_during = plan

  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
  mock_data "aws_secretsmanager_secret_version" {
    defaults = { secret_string = "redis-pa55word-redis-pa55word" }
  }
  mock_resource "aws_secretsmanager_secret_version" {
    defaults = { arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:redis-url" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/any" }
  }
  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:123456789012:task-definition/any:1" }
  }
  mock_resource "aws_ecs_cluster" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:123456789012:cluster/gatepost" }
  }
  mock_resource "aws_lb" {
    defaults = {
      arn        = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/gatepost/1"
      arn_suffix = "app/gatepost/1"
    }
  }
  mock_resource "aws_lb_target_group" {
    defaults = {
      arn        = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/any/1"
      arn_suffix = "targetgroup/any/1"
    }
  }
  mock_resource "aws_lb_listener" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/gatepost/1/1" }
  }
  mock_resource "aws_acm_certificate" {
    defaults = {
      arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
      domain_validation_options = [
        { domain_name = "auth.example.com", resource_record_name = "a", resource_record_type = "CNAME", resource_record_value = "b" },
        { domain_name = "mcp.example.com", resource_record_name = "c", resource_record_type = "CNAME", resource_record_value = "d" },
      ]
    }
  }
  mock_resource "aws_acm_certificate_validation" {
    defaults = { certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1" }
  }
  mock_resource "aws_wafv2_ip_set" {
    defaults = { arn = "arn:aws:wafv2:eu-central-1:123456789012:regional/ipset/own/1" }
  }
  mock_resource "aws_wafv2_web_acl" {
    defaults = { arn = "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/gatepost/1" }
  }
  mock_resource "aws_db_instance" {
    defaults = { endpoint = "gatepost.abc.eu-central-1.rds.amazonaws.com:5432" }
  }
  mock_resource "aws_elasticache_replication_group" {
    defaults = { primary_endpoint_address = "master.gatepost.abc.euc1.cache.amazonaws.com" }
  }
  # Each gets ids of its own.
  mock_resource "aws_security_group" {
    defaults = { ingress = [] }
  }
  mock_resource "aws_subnet" {
    defaults = {}
  }
  mock_resource "aws_eip" {
    defaults = { public_ip = "203.0.113.7" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:any" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:gatepost-alarms" }
  }
}

variables {
  region        = "eu-central-1"
  issuer_host   = "auth.example.com"
  resource_host = "mcp.example.com"
  zone_id       = "Z0"
  images = {
    auth_server = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/gatepost/auth-server:1"
    mcp_gateway = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/gatepost/mcp-gateway:1"
  }
  collector_image     = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/gatepost/collector:1"
  database_password   = "postgres-pa55word"
  auth_server_secrets = { GATEPOST_AUTH_STRIPE__SECRET_KEY = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:stripe" }
  alarm_emails        = ["ops@example.com"]
  access_logs         = true
}

override_data {
  target          = module.secrets.data.aws_secretsmanager_secret.this["secret-key"]
  override_during = plan
  values          = { arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:secret-key" }
}

override_data {
  target          = module.secrets.data.aws_secretsmanager_secret.this["signing-key"]
  override_during = plan
  values          = { arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:signing-key" }
}

override_data {
  target          = module.secrets.data.aws_secretsmanager_secret.this["database-password"]
  override_during = plan
  values          = { arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:database-password" }
}

override_data {
  target          = module.secrets.data.aws_secretsmanager_secret.this["redis-token"]
  override_during = plan
  values          = { arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:redis-token" }
}

run "a_deployment" {
  command = plan

  assert {
    condition     = output.mcp_url == "https://mcp.example.com/mcp"
    error_message = "People enter another address than the gateway's."
  }
}

# --- mistakes in variables ------------------------------------------------------------------------
run "variables_that_can_not_be_right" {
  command = plan

  variables {
    name                 = "Gatepost"
    issuer_host          = "https://auth.example.com"
    resource_path        = "/mcp/"
    images               = { auth_server = "gatepost:latest", mcp_gateway = "gatepost" }
    collector_image      = "collector:latest"
    tasks                = { min = 1, max = 10 }
    cidr                 = "10.0.0.0/24"
    nat_gateways         = 0
    cpu_architecture     = "arm"
    requests_per_address = 10
    database_connections = 60
  }

  expect_failures = [
    var.name,
    var.issuer_host,
    var.resource_path,
    var.images,
    var.collector_image,
    var.tasks,
    var.cidr,
    var.nat_gateways,
    var.cpu_architecture,
    var.requests_per_address,
    var.database_connections,
  ]
}

run "one_host_for_both_services" {
  command = plan

  variables {
    resource_host = "auth.example.com"
  }

  expect_failures = [var.resource_host]
}
