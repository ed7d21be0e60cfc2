"""Exact distances in puzzles of planning."""
