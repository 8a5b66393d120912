"""The training methods: flow matching, distribution matching, the hybrid objective, and consistency."""
