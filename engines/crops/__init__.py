"""A second look at people: where to crop, what the crop network says, and how both are fused."""
