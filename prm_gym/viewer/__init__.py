"""The trajectory viewer: what stored trajectories hold, as one page or behind a local server."""
