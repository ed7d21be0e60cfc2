"""The commands of `prm-gym`, a family a file; their imports are made when they run."""
