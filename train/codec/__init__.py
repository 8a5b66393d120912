"""The phases codec and decoder: a small causal VAE for the synthetic world, trained from nothing."""
