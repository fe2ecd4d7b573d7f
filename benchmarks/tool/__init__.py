"""The main job, and the pictures that README and docs show."""
