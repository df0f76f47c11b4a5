"""Model cards and the files they name: where they lie, how they are fetched and checked."""
