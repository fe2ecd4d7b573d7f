"""The output folder of a run: one process at a time, its study, and where it stands."""
