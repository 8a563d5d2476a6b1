output "tables" {
  description = "The workers' tables."
  value       = { for name, table in aws_dynamodb_table.worker : name => { name = table.name, arn = table.arn } }
}

output "buckets" {
  description = "The workers' buckets."
  value       = { for name, bucket in aws_s3_bucket.worker : name => { name = bucket.bucket, arn = bucket.arn } }
}

output "claims_bucket" {
  description = "The bucket of the data of large events; null where it is another's."
  value       = one([for bucket in aws_s3_bucket.claims : { name = bucket.bucket, arn = bucket.arn }])
}
