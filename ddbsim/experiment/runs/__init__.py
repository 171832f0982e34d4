"""The machinery of experiments: jobs, executors, stores, and what is kept of a run."""
