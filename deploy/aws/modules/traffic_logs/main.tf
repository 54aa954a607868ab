# Who connected to what: flow logs of the network and, if you want them, access logs of the load balancer, in
# a bucket of their own.

locals {
  bucket = "${var.name}-traffic-${var.account}-${var.region}"
  arn    = "arn:${var.partition}:s3:::${local.bucket}"
  here   = { StringEquals = { "aws:SourceAccount" = var.account } }
}

resource "aws_s3_bucket" "this" {
  bucket        = local.bucket
  force_destroy = !var.protect
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# The load balancer can write with no other key.
resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id
  rule {
    id     = "expire"
    status = "Enabled"
    filter {}
    expiration {
      days = var.log_days
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = ["delivery.logs.amazonaws.com", "logdelivery.elasticloadbalancing.amazonaws.com"] }
        Action    = "s3:PutObject"
        Resource  = "${local.arn}/*/AWSLogs/${var.account}/*"
        Condition = local.here
      },
      {
        Effect    = "Allow"
        Principal = { Service = "delivery.logs.amazonaws.com" }
        Action    = ["s3:GetBucketAcl", "s3:ListBucket"]
        Resource  = local.arn
        Condition = local.here
      },
      {
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [local.arn, "${local.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_flow_log" "this" {
  vpc_id               = var.vpc_id
  traffic_type         = "ALL"
  log_destination_type = "s3"
  log_destination      = "${local.arn}/network"
  tags                 = { Name = var.name }

  depends_on = [aws_s3_bucket_policy.this]
}
