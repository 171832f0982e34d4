"""What is risky in a design, each finding shown by a run."""
