"""Redis: the only package that talks to it; keys, connections, models and diner state."""
