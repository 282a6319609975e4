"""The demo: the whole story in one command, and what it measured for each stakeholder."""
