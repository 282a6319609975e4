"""Randomness as an argument: every random choice draws from a named child of one seed.

Names instead of draw order keep streams independent: adding a consumer of randomness does not
change what the others see.
"""

import hashlib

import numpy as np

__all__ = ["generator", "seed_of"]


def seed_of(seed: int, *names: str | int) -> int:
    """Return a 64-bit seed for the stream that ``names`` call, derived from ``seed``."""
    text = "\x1f".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return the PCG64 generator of the stream that ``names`` call."""
    return np.random.Generator(np.random.PCG64(seed_of(seed, *names)))
