# One certificate for both host names, and their records. Without Route 53, leave this module out and
# pass your certificate to the module edge.

resource "aws_acm_certificate" "this" {
  domain_name               = var.hosts[0]
  subject_alternative_names = slice(var.hosts, 1, length(var.hosts))
  validation_method         = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

locals {
  proofs = {
    for host in var.hosts : host => one([
      for option in aws_acm_certificate.this.domain_validation_options : option if option.domain_name == host
    ])
  }
}

resource "aws_route53_record" "proof" {
  for_each        = toset(var.hosts)
  zone_id         = var.zone_id
  name            = local.proofs[each.key].resource_record_name
  type            = local.proofs[each.key].resource_record_type
  records         = [local.proofs[each.key].resource_record_value]
  ttl             = 300
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "this" {
  certificate_arn         = aws_acm_certificate.this.arn
  validation_record_fqdns = [for record in aws_route53_record.proof : record.fqdn]
}

resource "aws_route53_record" "host" {
  for_each = toset(var.hosts)
  zone_id  = var.zone_id
  name     = each.key
  type     = "A"

  alias {
    name                   = var.balancer.dns_name
    zone_id                = var.balancer.zone_id
    evaluate_target_health = false
  }
}
