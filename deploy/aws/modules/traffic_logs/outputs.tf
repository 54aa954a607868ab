output "bucket" {
  value = local.bucket

  # The load balancer tests at once whether it may write.
  depends_on = [aws_s3_bucket_policy.this]
}
