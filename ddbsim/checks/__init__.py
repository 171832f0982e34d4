"""What is typed, refused in one sentence where it is wrong: what, where, and what is allowed."""
