"""Scoring of what is stored: sources, the road, and what is written down about them."""
