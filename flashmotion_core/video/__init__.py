"""Clips and pictures: what is read means what one sees, and what is written plays everywhere."""
