"""Hands, faces and feet of people whose bodies are known: where to crop, and whom to believe."""
