"""The training loop, and comparisons of many trainings."""
