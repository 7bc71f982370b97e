"""Synthesizer `gnn`: the generative deconvolution network of the k-Same-Net line."""
