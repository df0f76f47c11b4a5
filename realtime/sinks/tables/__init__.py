"""Tables in long format: a row for each keypoint that was found."""
