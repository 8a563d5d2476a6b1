# The router in front of the web functions: clients -> load balancer -> router (ECS on Fargate) -> Lambda, which calls
# back. Here: its image's repository, its cluster and its log. docs/explanation/router.md says how it works.

locals {
  name     = "${var.deployment.namespace}-router"
  location = "${var.deployment.region}:${var.deployment.account_id}"
  arns     = "arn:${var.deployment.partition}"

  # The router's own ports, as router/fanout_router/config.py has them.
  client_port  = 8080
  admin_port   = 8081
  control_port = 8443

  log_group = "/aws/ecs/${local.name}"
  # Of the router's own metrics: see EmfLog of router/fanout_router/logs.py.
  metrics = "${var.deployment.namespace}/router"
}

resource "aws_ecr_repository" "this" {
  name                 = local.name
  image_tag_mutability = "IMMUTABLE"
  force_delete         = !var.protect

  image_scanning_configuration {
    scan_on_push = true
  }
  encryption_configuration {
    encryption_type = var.security.key_arn == null ? "AES256" : "KMS"
    kms_key         = var.security.key_arn
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  repository = aws_ecr_repository.this.name
  policy = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "Layers that no tag names"
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 1 }
        action       = { type = "expire" }
      },
      {
        rulePriority = 2
        description  = "As many releases as one might go back"
        selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 30 }
        action       = { type = "expire" }
      },
    ]
  })
}

resource "aws_ecs_cluster" "this" {
  name = local.name
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

resource "aws_cloudwatch_log_group" "this" {
  name              = local.log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = var.security.key_arn
}
