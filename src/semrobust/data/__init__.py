"""Raw data: where images come from, how they are checked, and how they are split. Never imports torch."""
