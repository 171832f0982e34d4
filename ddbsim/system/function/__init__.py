"""A Lambda function: its environments, how long an invocation takes, and handlers of one's own."""
