# The regions as AWS shortens them in the ids of its availability zones.

variables {
  environment = "fanout-staging"
}

run "names_a_region_of_two_words" {
  command = plan

  variables {
    region = "ap-southeast-1"
  }
  assert {
    condition     = output.namespace == "fanout-staging-apse1" && length(output.namespace) == 20
    error_message = "the longest fits into 20 characters: ${output.namespace}"
  }
}

run "names_a_region_of_governments" {
  command = plan

  variables {
    region = "us-gov-west-1"
  }
  assert {
    condition     = output.namespace == "fanout-staging-usgw1"
    error_message = output.namespace
  }
}

run "gives_two_regions_two_names" {
  command = plan

  variables {
    region = "eu-central-2"
  }
  assert {
    condition     = output.namespace == "fanout-staging-euc2"
    error_message = output.namespace
  }
}

run "leaves_a_name_that_is_given" {
  command = plan

  variables {
    region    = "eu-central-1"
    namespace = "fanout-prod"
  }
  assert {
    condition     = output.namespace == "fanout-prod"
    error_message = output.namespace
  }
}
