"""What is shown: values in, values out; no call, no clock."""
