"""More than one machine: rollouts, comparisons, labels, training and verifiers on Ray."""
