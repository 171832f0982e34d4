"""What to choose: settings that hold an SLO, and how far traffic can grow."""
