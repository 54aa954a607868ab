# One kind of task: its containers, its roles, its log and its security group.

data "aws_region" "here" {}
data "aws_caller_identity" "here" {}
data "aws_partition" "here" {}

locals {
  full_name = "${var.name}-${var.task}"
  log_group = "/${var.name}/${var.task}"
  region    = data.aws_region.here.name
  arn_end   = "${data.aws_partition.here.partition}:%s:${local.region}:${data.aws_caller_identity.here.account_id}:%s"
  log_arn   = "arn:${format(local.arn_end, "logs", "log-group:${local.log_group}:*")}"

  # Those of the images that come from a private registry in ECR: account, region and repository.
  images = compact([var.image, try(var.collector.image, "")])
  from_ecr = flatten([for image in local.images : [
    for found in regexall("^([0-9]{12})\\.dkr\\.ecr\\.([a-z0-9-]+)\\.amazonaws\\.com[a-z.]*/([^:@]+)", image) :
    "arn:${data.aws_partition.here.partition}:ecr:${found[1]}:${found[0]}:repository/${found[2]}"
  ]])

  secret_arns = distinct(concat(values(var.secrets), values(var.secret_files)[*].secret))

  log = {
    logDriver = "awslogs"
    options = {
      awslogs-group         = local.log_group
      awslogs-region        = local.region
      awslogs-stream-prefix = var.task
    }
  }
  mounts = [
    { sourceVolume = "state", containerPath = "/var/lib/gatepost", readOnly = false },
    { sourceVolume = "tmp", containerPath = "/tmp", readOnly = false },
  ]
  confined = {
    image                  = var.image
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    linuxParameters        = { capabilities = { drop = ["ALL"] } }
    logConfiguration       = local.log
    mountPoints            = local.mounts
  }

  server = [for port in compact([var.port]) : {
    portMappings = [{ containerPort = var.port, hostPort = var.port, protocol = "tcp" }]
    healthCheck = {
      command     = ["CMD", "python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:${var.port}/livez', timeout=2)"]
      interval    = 30
      timeout     = 3
      retries     = 3
      startPeriod = 60
    }
  }]

  # The task's work. Variables are sorted, so that a plan shows only what changed.
  main = merge(concat(
    [local.confined, {
      name        = var.task
      essential   = true
      command     = var.command
      stopTimeout = var.stop_seconds
      environment = [for key in sort(keys(var.environment)) : { name = key, value = var.environment[key] }]
      secrets     = [for key in sort(keys(var.secrets)) : { name = key, valueFrom = var.secrets[key] }]
      # The collector starts first, and so it stops last.
      dependsOn = concat(
        [for path in keys(var.secret_files) : { containerName = "files", condition = "SUCCESS" }],
        [for one in local.collector : { containerName = one.name, condition = "START" }],
      )
    }],
    local.server,
  )...)

  # Writes secrets that the settings want in files, and ends before the work begins. Only it has them
  # in its environment.
  files = [for path, file in var.secret_files : merge(
    local.confined,
    {
      name      = "files"
      essential = false
      command   = ["sh", "-c", "umask 077 && printf '%s\\n' \"$${FILE:?}\" >${path}"]
      secrets   = [{ name = "FILE", valueFrom = file.secret }]
    },
  )]

  collector = var.collector == null ? [] : [{
    name                   = "collector"
    image                  = var.collector.image
    essential              = false
    user                   = "10001:10001"
    restartPolicy          = { enabled = true, restartAttemptPeriod = 60 }
    readonlyRootFilesystem = true
    linuxParameters        = { capabilities = { drop = ["ALL"] } }
    environment            = [{ name = "AOT_CONFIG_CONTENT", value = var.collector.config }]
    memoryReservation      = 128
    logConfiguration       = local.log
  }]
}

resource "aws_cloudwatch_log_group" "this" {
  name              = local.log_group
  retention_in_days = var.log_days
}

resource "aws_ecs_task_definition" "this" {
  family                   = local.full_name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  execution_role_arn       = aws_iam_role.start.arn
  task_role_arn            = aws_iam_role.run.arn
  container_definitions    = jsonencode(concat([local.main], local.files, local.collector))

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.cpu_architecture
  }

  # Disks that end with the task.
  volume {
    name = "state"
  }
  volume {
    name = "tmp"
  }
}
