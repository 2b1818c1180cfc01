"""HTTP: one module per group of routes, thin; the doing is in server/*.py."""
