"""What can be searched: a parameter of every kind, its scale, and the windows on it."""

from tune_bn.core.space.categorical import Categorical, is_same_choice
from tune_bn.core.space.from_json import parameter_from_json
from tune_bn.core.space.parameter import Parameter
from tune_bn.core.space.parameters import Float, Int
from tune_bn.core.space.quantised import Multiples, Normal
from tune_bn.core.space.scale import Scale

_Scale = Scale  # so it is called in pickles of versions before this room had files

__all__ = [
    "Categorical",
    "Float",
    "Int",
    "Multiples",
    "Normal",
    "Parameter",
    "is_same_choice",
    "parameter_from_json",
]
