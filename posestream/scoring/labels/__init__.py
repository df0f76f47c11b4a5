"""Label files of the data sets that people measure on. One file a format, one line here."""
