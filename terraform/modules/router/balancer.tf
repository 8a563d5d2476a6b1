# The load balancer: HTTPS to the clients, plain HTTP/1.1 to the router within the VPC.

resource "aws_lb" "this" {
  name                       = local.name
  load_balancer_type         = "application"
  internal                   = var.internal
  subnets                    = var.vpc.public_subnet_ids
  security_groups            = [aws_security_group.balancer.id]
  idle_timeout               = var.timeouts.idle_s
  drop_invalid_header_fields = true
  enable_deletion_protection = var.protect

  dynamic "access_logs" {
    for_each = var.access_logs_bucket == null ? [] : [var.access_logs_bucket]
    content {
      enabled = true
      bucket  = access_logs.value
      prefix  = local.name
    }
  }
}

resource "aws_lb_target_group" "this" {
  name                          = local.name
  vpc_id                        = var.vpc.id
  target_type                   = "ip"
  port                          = local.client_port
  protocol                      = "HTTP"
  load_balancing_algorithm_type = "least_outstanding_requests"
  # A request under way has as long before SIGTERM as it has after it.
  deregistration_delay = var.timeouts.drain_s

  health_check {
    port                = local.admin_port
    path                = "/readyz"
    matcher             = "200"
    interval            = 5
    timeout             = 3
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"
    redirect {
      protocol    = "HTTPS"
      port        = "443"
      status_code = "HTTP_301"
    }
  }
}
