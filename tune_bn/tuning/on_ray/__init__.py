"""The same run by Ray Tune: here, or on a cluster."""
