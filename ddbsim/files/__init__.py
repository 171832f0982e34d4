"""Files read and written: bounded where they come from others, complete or not at all where they are ours."""
