"""How encode cuts texts into rows of ids, and what it tells tensorflow-datasets of them."""
