# A function URL of the alias: signed requests of those whom IAM allows both actions, or everybody.
#
# A URL asks for two permissions: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html. Within the account, a
# caller's own policy gives them. Where everybody may call, the function's policy has to.

locals {
  public = [for url in local.url : url if url.auth == "none"]
}

resource "aws_lambda_function_url" "this" {
  count = length(local.url)

  function_name      = aws_lambda_function.this.function_name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = local.url[0].auth == "none" ? "NONE" : "AWS_IAM"
  invoke_mode        = local.streaming ? "RESPONSE_STREAM" : "BUFFERED"
}

resource "aws_lambda_permission" "url" {
  count = length(local.public)

  statement_id           = "url"
  action                 = "lambda:InvokeFunctionUrl"
  function_name          = aws_lambda_function.this.function_name
  qualifier              = aws_lambda_alias.live.name
  principal              = "*"
  function_url_auth_type = "NONE"
}

# Without its condition this permission would let every AWS account invoke the function with any event, past the URL.
# aws_lambda_permission has the condition since provider 6.29 only; CloudFormation has it whatever the provider.
resource "aws_cloudformation_stack" "url" {
  count = length(local.public)

  name = "${local.name}-url"
  template_body = jsonencode({
    Resources = {
      Invoke = {
        Type = "AWS::Lambda::Permission"
        Properties = {
          Action                = "lambda:InvokeFunction"
          FunctionName          = aws_lambda_alias.live.arn
          InvokedViaFunctionUrl = true
          Principal             = "*"
        }
      }
    }
  })
}
