"""What else it could be: other view types, other ways of transport."""
