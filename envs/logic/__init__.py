"""Environments of formal logic."""
