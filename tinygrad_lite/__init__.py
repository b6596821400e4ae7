from . import autograd, dtypes, functional, ops
from ._tensor import Tensor
from .autograd import enable_grad, no_grad, set_grad_enabled, value_and_grad
from .creation import *
from .functional import *
from .graph import is_grad_enabled
from .op import op
from .ops import *
from .random import Generator, default_generator, manual_seed
from .program import Program, trace
