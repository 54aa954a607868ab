output "arns" {
  description = "The secrets' ARNs, by their names without the prefix."
  value = merge(
    { for name, secret in data.aws_secretsmanager_secret.this : name => secret.arn },
    # Through the version: a task must not start before the secret has a value.
    { redis-url = aws_secretsmanager_secret_version.redis_url.arn },
  )
}

output "redis_token" {
  value     = data.aws_secretsmanager_secret_version.redis_token.secret_string
  sensitive = true
}
