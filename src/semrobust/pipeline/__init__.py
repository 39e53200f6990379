"""What is made from what: steps, keys, the store, records, audit, seeds, locks."""
