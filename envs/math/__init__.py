"""Environments of mathematics."""
