"""What every room may use, with nothing but the standard library. For this package only."""
