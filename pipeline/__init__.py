"""When steps run: configuration, order, caching, lineage and the command line."""
