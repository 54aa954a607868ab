# `start` is the role of ECS while it starts a task; `run` is the role of the code in it.

locals {
  trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.here.account_id } }
    }]
  })

  start_statements = concat(
    [{ Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = [local.log_arn] }],
    length(local.secret_arns) == 0 ? [] : [
      { Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = sort(local.secret_arns) },
    ],
    length(local.from_ecr) == 0 ? [] : [
      # AWS knows no resource for this action: it gives a token for the registry of the account.
      { Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = ["*"] },
      {
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = sort(distinct(local.from_ecr))
      },
    ],
  )
}

resource "aws_iam_role" "start" {
  name               = "${local.full_name}-start"
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy" "start" {
  name   = "start"
  role   = aws_iam_role.start.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.start_statements })
}

resource "aws_iam_role" "run" {
  name               = "${local.full_name}-run"
  assume_role_policy = local.trust
}

# Without a collector, the code has no permission at all.
resource "aws_iam_role_policy" "collector" {
  count  = var.collector == null ? 0 : 1
  name   = "collector"
  role   = aws_iam_role.run.id
  policy = var.collector.policy
}
