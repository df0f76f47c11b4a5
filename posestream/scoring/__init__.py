"""How good poses are: label files, results, and the measures that papers give."""
