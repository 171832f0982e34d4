"""Frames in, frames out: nothing here needs the simulation."""
