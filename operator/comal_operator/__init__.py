"""Comal's operator: hears with kopf, decides purely, writes through one gateway."""

__version__ = "0.1.0"
