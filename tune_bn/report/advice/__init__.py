"""What to change next: the rules, each a pure function of the evidence. Needs numpy only."""
