"""FlashBench: measure how well clips of any model keep to their trajectories, and whether they are still good videos."""
