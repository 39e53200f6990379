"""Four small steps with all that real ones have: raw data -> network -> table -> figure."""
