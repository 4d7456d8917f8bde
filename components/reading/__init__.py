"""How ingest reads: files of any format to rows, rows to parts, parts to shards by split."""
