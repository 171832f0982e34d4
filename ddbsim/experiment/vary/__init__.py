"""What matters: fields that vary, sweeps, sensitivity."""
