"""What `python -m server …` can do, a module each; server/cli.py names them."""
