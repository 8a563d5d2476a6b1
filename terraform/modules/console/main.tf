# The console as a web function behind the router: whoever has signed in at the load balancer has it in the role of their
# groups. docs/how-to/deploy-the-console.md says how.
#
# The function's own role may assume three roles and do nothing else: what a page asks of AWS is asked by a role that is
# assumed in the person's name, so that the journal and CloudTrail have it.

locals {
  name  = "console"
  roles = ["observer", "investigator", "operator"]

  # A person of each has the policies of those before, too.
  policies = {
    observer     = ["observer"]
    investigator = ["observer", "investigator"]
    operator     = ["observer", "investigator", "operator"]
  }
  pairs = { for pair in flatten([for role, names in local.policies : [for name in names : { role = role, policy = name }]]) : "${pair.role} ${pair.policy}" => pair }

  # Named before they are made: the function's role and these name each other.
  location      = "arn:${var.deployment.partition}:iam::${var.deployment.account_id}:role${var.deployment.role_path}${var.deployment.namespace}"
  assumed       = { for role in local.roles : role => "${local.location}.console-${role}" } # a dot, which no worker's name has
  function_role = "${local.location}-${local.name}"
}

module "function" {
  source = "../web"

  deployment  = var.deployment
  security    = { key_arn = var.security.key_arn }
  name        = local.name
  description = "Console: how the deployment is, and changes to it"
  package     = var.package
  memory_mb   = 1024 # half a core: what it imports takes a second of a whole one
  permissions = [{ actions = ["sts:AssumeRole"], resources = values(local.assumed) }]
  vpc         = var.vpc
  environment = merge(var.environment, {
    FANOUT_CONSOLE = jsonencode(merge({
      environment  = var.settings.environment
      host         = var.settings.host
      balancer     = var.router.balancer_arn
      keys         = "https://public-keys.auth.elb.${var.deployment.region}.amazonaws.com"
      issuer       = var.settings.oidc.issuer
      client       = var.settings.oidc.client_id
      groups_claim = var.settings.groups_claim
      person_claim = var.settings.person_claim
    }, { for role in local.roles : role => { role = local.assumed[role], groups = sort(var.settings.groups[role]) } }))
  })
  log_retention_days = var.log_retention_days
}

resource "aws_iam_role" "person" {
  for_each = toset(local.roles)

  name                 = "${var.deployment.namespace}.console-${each.key}"
  path                 = var.deployment.role_path
  description          = "People with the role ${each.key} in the console of ${var.deployment.namespace}"
  permissions_boundary = var.deployment.permissions_boundary
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = local.function_role }
      Action    = "sts:AssumeRole"
    }]
  })

  # A principal has to be there when it is named.
  depends_on = [module.function]
}

resource "aws_iam_role_policy_attachment" "person" {
  for_each = local.pairs

  role       = aws_iam_role.person[each.value.role].name
  policy_arn = var.policies[each.value.policy]
}

# Whoever asks for the console's host signs in first: no other rule of the listener, nor its default, leads to it with a
# header that the load balancer has signed.
resource "aws_lb_listener_rule" "signed_in" {
  listener_arn = var.router.listener_arn
  priority     = 10

  condition {
    host_header {
      values = [var.settings.host]
    }
  }
  action {
    type  = "authenticate-oidc"
    order = 1
    authenticate_oidc {
      issuer                     = var.settings.oidc.issuer
      authorization_endpoint     = var.settings.oidc.authorization_endpoint
      token_endpoint             = var.settings.oidc.token_endpoint
      user_info_endpoint         = var.settings.oidc.user_info_endpoint
      client_id                  = var.settings.oidc.client_id
      client_secret              = var.client_secret
      scope                      = var.settings.oidc.scope
      session_cookie_name        = "fanout-console-session"
      session_timeout            = 14400 # for so long who has left a group keeps its role
      on_unauthenticated_request = "authenticate"
    }
  }
  action {
    type             = "forward"
    order            = 2
    target_group_arn = var.router.target_group_arn
  }
}

# The load balancer itself asks the identity provider who somebody is.
resource "aws_vpc_security_group_egress_rule" "identity_provider" {
  security_group_id = var.router.balancer_security_group
  description       = "Identity provider of the console"
  cidr_ipv4         = "0.0.0.0/0" # its addresses are its own to choose
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
