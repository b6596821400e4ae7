"""The same programs in PyTorch (CPU) and here: `make compare`."""
