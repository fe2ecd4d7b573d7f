"""The batch-norm layers, beside torch's."""
