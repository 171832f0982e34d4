"""An event source mapping: when it polls a shard, how its lanes form batches, what becomes of them."""
