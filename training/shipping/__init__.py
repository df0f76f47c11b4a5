"""Weights measured, made small, and written for the card."""
