"""What a table lets through: units, buckets, throughput, auto scaling, reads."""
