"""What the papers claim, and how a run's tables are held against it, one paper a file."""
