"""How it moves: a file per box of the AWS diagram; the only package that imports simpy."""
