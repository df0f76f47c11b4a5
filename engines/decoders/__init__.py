"""From a network's arrays to people; engines/models/decoder_kinds.py has the table of kinds."""
