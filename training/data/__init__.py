"""Photos, the teacher's maps and labels, augmentation, batches."""
