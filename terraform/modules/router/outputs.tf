output "address" {
  description = "The load balancer's name in DNS; let the web address be an alias of it."
  value       = { dns_name = aws_lb.this.dns_name, zone_id = aws_lb.this.zone_id }
}

output "repository" {
  description = "Where the router's image is pushed to."
  value       = aws_ecr_repository.this.repository_url
}

output "service" {
  description = "The router's cluster and service."
  value       = { cluster = aws_ecs_cluster.this.name, name = aws_ecs_service.this.name }
}

output "web_security_group" {
  description = "The security group of the web functions: who is in it may call the router back."
  value       = aws_security_group.web.id
}

output "log_group" {
  description = "The routers' log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "balancer" {
  description = "The load balancer, its HTTPS listener, its target group and its security group: for rules beside the router's own."
  value = {
    balancer_arn            = aws_lb.this.arn
    balancer_security_group = aws_security_group.balancer.id
    listener_arn            = aws_lb_listener.https.arn
    target_group_arn        = aws_lb_target_group.this.arn
  }
}
