"""Attacks on the received vector of any receiver."""
