"""The measures, and what they are taken of: labelled and found people."""
