"""Process reward models: checkpoints of every family loaded, scored in one forward, trained and evaluated."""
