"""What files of photos say of themselves, read before they are decoded."""
