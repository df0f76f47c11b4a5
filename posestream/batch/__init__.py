"""Many recordings, one after the other or on many machines: what is done stays done."""
