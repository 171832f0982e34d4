"""What AWS publishes, what others measured, and what is assumed: each number once, with its origin."""
