"""Where items live: partitions, their slices of the key space, and their splits."""
