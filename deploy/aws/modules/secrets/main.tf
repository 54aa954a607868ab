# Four secrets exist before the first apply: you make them with the AWS command line, so that their
# values never pass through Terraform. Only Redis' password does, because ElastiCache takes it from
# here, and so the URL with it is a fifth secret.

locals {
  made_before = toset(["secret-key", "signing-key", "database-password", "redis-token"])
}

data "aws_secretsmanager_secret" "this" {
  for_each = local.made_before
  name     = "${var.name}/${each.key}"
}

data "aws_secretsmanager_secret_version" "redis_token" {
  secret_id = data.aws_secretsmanager_secret.this["redis-token"].id
}

resource "aws_secretsmanager_secret" "redis_url" {
  name        = "${var.name}/redis-url"
  description = "Redis' URL with its password; Terraform writes it."
}

resource "aws_secretsmanager_secret_version" "redis_url" {
  secret_id     = aws_secretsmanager_secret.redis_url.id
  secret_string = "rediss://:${data.aws_secretsmanager_secret_version.redis_token.secret_string}@${var.redis_host}:6379/0"
}
