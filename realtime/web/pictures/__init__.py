"""Pictures for browsers: who looks at which, and what they may cost."""
