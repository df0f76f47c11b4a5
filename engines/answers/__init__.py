"""What networks said of pictures, kept for another run over the same ones."""
