"""Images before and after the method: files, checks, colour, registration."""
