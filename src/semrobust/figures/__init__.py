"""Figures, one a file; they read tables and never torch."""
