"""semrobust: measure how robust semantic communication really is."""
