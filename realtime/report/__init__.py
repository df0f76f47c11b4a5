"""A web page of a run for coaches."""
