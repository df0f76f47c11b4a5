"""The studio: record, look at, cut and export takes in a browser."""
