"""Kinds of network heads: from maps to candidates to people. One file a kind, one line here."""

from engines.decoders.paf import PafDecoder

DECODERS = {"paf": PafDecoder}
