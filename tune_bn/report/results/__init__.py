"""Any search as plain records, and what they say of a trial."""
