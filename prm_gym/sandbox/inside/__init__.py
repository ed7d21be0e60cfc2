"""What runs inside the sandbox: standard library alone, started as scripts, never imported by the trainer but for its tables."""
