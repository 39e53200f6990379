"""Attacks that use the LDPC code: words, sets, patterns."""
