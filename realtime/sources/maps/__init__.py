"""Maps of a network, kept in files, in place of pictures."""
