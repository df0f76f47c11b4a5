"""What the user may choose: names, defaults and help texts, one module a room."""
