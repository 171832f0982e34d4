"""How sure a number is: replications, comparisons, warm-up."""
