"""The media plane's pure half: parsers, writers and decisions. No clock, no socket, no randomness."""
