"""One page, the terminal and the dashboard: what puts figures and advice together."""
