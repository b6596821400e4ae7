"""What `python -m tinygrad_lite` does: train, predict, info."""
