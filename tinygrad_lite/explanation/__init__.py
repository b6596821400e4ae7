"""A program as equations: what was computed and what its gradients are, as text, LaTeX, a picture and plain NumPy."""

from .explanation import Explanation, explain

__all__ = ["Explanation", "explain"]
