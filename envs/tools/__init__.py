"""Environments in which an agent uses tools: code, databases, services, search."""
