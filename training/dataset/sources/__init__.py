"""Readers of foreign files: each turns its files into frames and an account of every row."""
