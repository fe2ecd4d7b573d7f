"""The problems that searches are compared on."""
