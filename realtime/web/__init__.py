"""Results over HTTP: a page, the pictures, a line a frame, figures."""
