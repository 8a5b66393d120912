"""Few-step sampling: which schedule a generator has, and its steps."""
