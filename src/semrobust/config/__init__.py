"""What params may say: schema, overlays, grids, checks."""
