"""How a design recovers: outages and the time to drain."""
