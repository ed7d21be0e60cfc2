"""Families of process reward models, one convention a file; more of them come in through the entry point group `prm_gym.prm_families`."""
