"""One module per fault of LocalStack 4.14.0; each says what is wrong and how it is known."""
