"""What one asks of a run: answers from its frames, without the simulator."""
