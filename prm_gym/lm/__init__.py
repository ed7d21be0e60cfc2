"""What policies and reward models share: text as tokens, decoders from scratch, adapters, batches, keys and values that are kept, and sampling."""
