"""Training of process reward models from step labels: `train_prm`, and `prm-gym train-prm` on the command line.

    data (any layout) -> split by problem -> tokens and positions (`Family.encode`, as in scoring) -> batches -> losses -> checkpoint with its card

What is trained is a Hugging Face model with a head of two classes or two verdict tokens, whole or by LoRA, or a small decoder from scratch.
"""
