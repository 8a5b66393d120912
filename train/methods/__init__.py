"""What is learned, and how: flow matching, distribution matching, the hybrid objective, consistency."""
