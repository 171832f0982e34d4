"""The version, for saved results and stores."""

__all__ = ["__version__"]

__version__ = "0.1.0"
