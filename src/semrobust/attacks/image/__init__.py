"""Attacks on the image: semantic noise."""
