"""What a run left, as the DataFrames that a user gets."""
