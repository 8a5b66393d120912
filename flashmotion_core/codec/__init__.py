"""The VAEs: the full Wan 2.2 VAE and TAEHV behind one protocol."""
