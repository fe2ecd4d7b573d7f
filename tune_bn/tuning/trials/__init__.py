"""The trials of a search: begun, trained here or in worker processes, ended."""
