"""Environments of other projects."""
