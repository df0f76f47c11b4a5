"""Files as the disk has them: which paths lead to one, and how one takes another's place."""
