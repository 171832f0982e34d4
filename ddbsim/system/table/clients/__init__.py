"""What callers do with what the table refuses: retries, quotas, rate limits, transactions."""
