"""Is a gradient right, and if not, why: `gradcheck` and `gradgradcheck` hold it against central differences,
`compare_gradients` against a derivation by hand.
"""

from .comparison import GradientReport, compare_gradients
from .differences import GradcheckError, gradcheck, gradgradcheck

__all__ = ["GradcheckError", "GradientReport", "compare_gradients", "gradcheck", "gradgradcheck"]
