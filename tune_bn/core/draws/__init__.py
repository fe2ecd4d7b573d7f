"""The draws: when the search narrows, where a trial is drawn, and what it records of that."""
