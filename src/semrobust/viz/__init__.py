"""Tables -> figures. Each module here registers its figures; matplotlib is imported only when one is drawn."""
