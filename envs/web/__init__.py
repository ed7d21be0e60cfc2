"""Environments on the web."""
