terraform {
  # 1.11 sends the database's password without storing it in the state (`password_wo`).
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.90, < 7.0"
    }
  }

  # Keep the state in an encrypted bucket that few people can read: it contains Redis' password.
  # `terraform init -backend-config=bucket=…` completes this block once you remove the comment.
  # backend "s3" {
  #   key          = "gatepost.tfstate"
  #   encrypt      = true
  #   use_lockfile = true
  # }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { Application = var.name }
  }
}
