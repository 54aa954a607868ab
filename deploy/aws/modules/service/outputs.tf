output "name" { value = aws_ecs_service.this.name }
