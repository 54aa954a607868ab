output "database_id" { value = aws_db_instance.this.identifier }
output "redis_id" { value = aws_elasticache_replication_group.this.replication_group_id }
output "redis_host" { value = aws_elasticache_replication_group.this.primary_endpoint_address }

output "database_url" {
  description = "Without the password, which tasks get as PGPASSWORD."
  value       = "postgresql+psycopg://gatepost@${aws_db_instance.this.endpoint}/gatepost?sslmode=verify-full&sslrootcert=${var.ca_file}"
}
