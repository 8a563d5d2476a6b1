# Who may speak to whom: clients -> load balancer -> router <- web functions. Nothing else gets in.

locals {
  # To AWS's own services, by NAT or by the VPC's endpoints: their addresses are AWS's to choose.
  anywhere = "0.0.0.0/0"
}

resource "aws_security_group" "balancer" {
  name        = "${local.name}-balancer"
  description = "Load balancer of the router"
  vpc_id      = var.vpc.id
}

resource "aws_security_group" "router" {
  name        = local.name
  description = "Router"
  vpc_id      = var.vpc.id
}

resource "aws_security_group" "web" {
  name        = "${local.name}-web"
  description = "Web functions behind the router"
  vpc_id      = var.vpc.id
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = { for pair in setproduct(var.client_cidrs, ["80", "443"]) : "${pair[0]} ${pair[1]}" => { cidr = pair[0], port = tonumber(pair[1]) } }

  security_group_id = aws_security_group.balancer.id
  description       = "Clients"
  cidr_ipv4         = strcontains(each.value.cidr, ":") ? null : each.value.cidr
  cidr_ipv6         = strcontains(each.value.cidr, ":") ? each.value.cidr : null
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "balancer" {
  for_each = { requests = local.client_port, health = local.admin_port }

  security_group_id            = aws_security_group.balancer.id
  description                  = "Router: ${each.key}"
  referenced_security_group_id = aws_security_group.router.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_vpc_security_group_ingress_rule" "router" {
  for_each = { requests = local.client_port, health = local.admin_port }

  security_group_id            = aws_security_group.router.id
  description                  = "Load balancer: ${each.key}"
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_vpc_security_group_ingress_rule" "control" {
  security_group_id            = aws_security_group.router.id
  description                  = "Web functions: control channel"
  referenced_security_group_id = aws_security_group.web.id
  ip_protocol                  = "tcp"
  from_port                    = local.control_port
  to_port                      = local.control_port
}

resource "aws_vpc_security_group_egress_rule" "router" {
  security_group_id = aws_security_group.router.id
  description       = "AWS: Lambda, ECR, Secrets Manager, logs"
  cidr_ipv4         = local.anywhere
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "control" {
  security_group_id            = aws_security_group.web.id
  description                  = "Router: control channel"
  referenced_security_group_id = aws_security_group.router.id
  ip_protocol                  = "tcp"
  from_port                    = local.control_port
  to_port                      = local.control_port
}

resource "aws_vpc_security_group_egress_rule" "web" {
  security_group_id = aws_security_group.web.id
  description       = "AWS: the bus, and what else the app uses"
  cidr_ipv4         = local.anywhere
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
