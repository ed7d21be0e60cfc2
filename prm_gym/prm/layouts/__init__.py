"""Public layouts of step labels, one a file, read as `LabelledChain`s."""
