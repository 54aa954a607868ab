# PostgreSQL and Valkey, in private subnets, encrypted on disk and on the way.

locals {
  database_logs = toset(["postgresql", "upgrade"])
}

# --- PostgreSQL -----------------------------------------------------------------------------------
resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnets
}

resource "aws_security_group" "database" {
  name        = "${var.name}-database"
  description = "PostgreSQL: only from the tasks that use it"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  for_each                     = var.database_clients
  security_group_id            = aws_security_group.database.id
  referenced_security_group_id = each.value
  description                  = each.key
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_db_parameter_group" "this" {
  name_prefix = "${var.name}-"
  family      = "postgres17"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  # Set here, so that the alarm knows it. PostgreSQL reads it when it starts.
  parameter {
    name         = "max_connections"
    value        = tostring(var.database_connections)
    apply_method = "pending-reboot"
  }

  lifecycle {
    create_before_destroy = true
  }
}

# RDS would make these groups itself and keep them for ever, with the rows that failed statements name.
resource "aws_cloudwatch_log_group" "database" {
  for_each          = local.database_logs
  name              = "/aws/rds/instance/${var.name}/${each.key}"
  retention_in_days = var.log_days
}

resource "aws_db_instance" "this" {
  identifier     = var.name
  engine         = "postgres"
  engine_version = "17"
  instance_class = var.database_class
  db_name        = "gatepost"
  username       = "gatepost"

  # Written at the first apply, and again whenever the version grows; never stored in the state.
  password_wo         = var.database_password
  password_wo_version = var.database_password_version

  allocated_storage     = 20
  max_allocated_storage = 200
  storage_type          = "gp3"
  storage_encrypted     = true

  multi_az               = true
  publicly_accessible    = false
  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.database.id]
  parameter_group_name   = aws_db_parameter_group.this.name
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  backup_retention_period         = 14
  copy_tags_to_snapshot           = true
  deletion_protection             = var.protect
  skip_final_snapshot             = !var.protect
  final_snapshot_identifier       = "${var.name}-final"
  auto_minor_version_upgrade      = true
  enabled_cloudwatch_logs_exports = local.database_logs

  depends_on = [aws_cloudwatch_log_group.database]
}

# --- Valkey ---------------------------------------------------------------------------------------
resource "aws_elasticache_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnets
}

resource "aws_security_group" "redis" {
  name        = "${var.name}-redis"
  description = "Valkey: only from the tasks that use it"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "redis" {
  for_each                     = var.redis_clients
  security_group_id            = aws_security_group.redis.id
  referenced_security_group_id = each.value
  description                  = each.key
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
}

resource "aws_elasticache_parameter_group" "this" {
  name   = var.name
  family = "valkey8"

  # Call events and counters must stay: a full Redis refuses new ones, and the gateways keep theirs.
  parameter {
    name  = "maxmemory-policy"
    value = "noeviction"
  }
}

resource "aws_elasticache_replication_group" "this" {
  replication_group_id = var.name
  description          = "Revocations, limits and call events"
  engine               = "valkey"
  engine_version       = "8.0"
  node_type            = var.redis_node
  port                 = 6379

  num_cache_clusters         = 2
  multi_az_enabled           = true
  automatic_failover_enabled = true

  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  at_rest_encryption_enabled = true
  auth_token                 = var.redis_token

  subnet_group_name        = aws_elasticache_subnet_group.this.name
  security_group_ids       = [aws_security_group.redis.id]
  parameter_group_name     = aws_elasticache_parameter_group.this.name
  snapshot_retention_limit = 1
}
