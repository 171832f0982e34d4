"""What a run leaves: numpy columns and plain classes, nothing that acts."""
