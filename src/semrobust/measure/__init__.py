"""Measurements per image, one step a file."""
