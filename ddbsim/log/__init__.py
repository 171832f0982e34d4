"""What a run records, and the frames that are made of it."""
