"""Thin adapters to other trainers and data sets; each imports its package when it is used."""
